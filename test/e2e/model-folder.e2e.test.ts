/** The folder of an exported model, and what --force must never replace: whatever else lies there or leads there. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { type Result, ROOT } from './helpers/program.js';
import { expectOneSentence } from './helpers/rows.js';

const root = temporaryFolder();

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const SLIM = join(ROOT, 'fixtures/models/slim-torchvision.pth');
const FORMATS = ['tfjs', 'savedmodel'] as const;

const exported = (format: string, output: string, cwd: string, ...more: readonly string[]): Promise<Result> =>
  runCommand(['model', 'export', SLIM, '--format', format, '-o', output, '-q', ...more], { cwd, env: { HOME: home } });

/** Name → size and time of everything below a folder: what must not change. */
function stateOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(folder, name), { throwIfNoEntry: false }) ?? {};
      return `${name} ${size} ${mtimeMs} ${ino}`;
    });
}

const home = join(root, 'home');
/** One exported model of each format. */
const models = join(root, 'models');
/** Where the tests write. */
let work: string;
let count = 0;

beforeAll(async () => {
  for (const folder of [home, models]) mkdirSync(folder);
  for (const format of FORMATS) {
    const { code, stderr } = await exported(format, format, models);
    expect(code, stderr).toBe(0);
  }
});

function newWork(): string {
  work = join(root, `work-${count++}`);
  mkdirSync(work);
  return work;
}

const modelAt = (format: string, path: string) => {
  cpSync(join(models, format), path, { recursive: true });
  return path;
};

describe.each(FORMATS)('model export --format %s', (format) => {
  it.each<[string, (folder: string) => void, string]>([
    ['a thesis', (folder) => writeFileSync(join(folder, 'thesis.txt'), 'ten years'), 'thesis.txt'],
    ['a model, and a thesis', (folder) => writeFileSync(join(modelAt(format, folder), 'thesis.txt'), ''), 'thesis.txt'],
    ['a model, and another folder', (folder) => mkdirSync(join(modelAt(format, folder), 'photos')), 'photos'],
    [
      'a SavedModel with a thesis in its midst',
      (folder) => writeFileSync(join(modelAt('savedmodel', folder), 'variables/thesis.txt'), ''),
      'variables/thesis.txt',
    ],
    [
      'a model with a link among its files',
      (folder) => {
        const file = join(modelAt('tfjs', folder), 'group1-shard1of1.bin');
        renameSync(file, `${folder}.bin`);
        symlinkSync(`${folder}.bin`, file);
      },
      'group1-shard1of1.bin',
    ],
    [
      'a SavedModel of another program',
      (folder) => {
        cpSync(join(models, 'savedmodel'), folder, { recursive: true });
        rmSync(join(folder, 'assets.extra'), { recursive: true });
      },
      'saved_model.pb',
    ],
    [
      'a TensorFlow.js model of another program',
      (folder) => {
        const text = readFileSync(join(modelAt('tfjs', folder), 'model.json'), 'utf8');
        writeFileSync(join(folder, 'model.json'), JSON.stringify({ ...JSON.parse(text), userDefinedMetadata: null }));
      },
      'group1-shard1of1.bin',
    ],
  ])('refuses a folder with %s in spite of --force, and leaves it as it is', async (_what, fill, stranger) => {
    const cwd = newWork();
    mkdirSync(join(cwd, 'd'));
    fill(join(cwd, 'd'));
    const before = stateOf(cwd);
    const sentence = expectOneSentence(await exported(format, 'd', cwd, '--force'), 2);
    expect(sentence).toContain(`${join(cwd, 'd')} holds something else (${stranger})`);
    expect(stateOf(cwd)).toEqual(before);
  });

  it.each(FORMATS)('replaces an exported %s with --force only', async (older) => {
    const cwd = newWork();
    modelAt(older, join(cwd, 'd'));
    const before = stateOf(cwd);
    expect(expectOneSentence(await exported(format, 'd', cwd), 2)).toContain('exists');
    expect(stateOf(cwd)).toEqual(before);
    const { code, stderr } = await exported(format, 'd', cwd, '--force');
    expect(code, stderr).toBe(0);
    const names = (folder: string) => readdirSync(folder, { recursive: true }).sort();
    expect(names(join(cwd, 'd'))).toEqual(names(join(models, format)));
    expect(readdirSync(cwd)).toEqual(['d']);
  });

  it('takes an empty folder, and a new one beside others', async () => {
    const cwd = newWork();
    mkdirSync(join(cwd, 'd'));
    for (const output of ['d', 'e/']) {
      const { code, stderr } = await exported(format, output, cwd);
      expect(code, stderr).toBe(0);
    }
    expect(readdirSync(cwd)).toEqual(['d', 'e']);
  });

  it('refuses the working directory, one that holds it, the root, the home, and links to them', async () => {
    const cwd = newWork();
    const inside = join(modelAt(format, join(cwd, 'd')), 'inside');
    mkdirSync(inside);
    symlinkSync(home, join(cwd, 'to-home'));
    symlinkSync('/', join(cwd, 'to-root'));
    const before = stateOf(join(cwd, 'd'));
    for (const [output, why] of [
      ['.', 'is the working directory'],
      ['..', 'is the working directory, or holds it'],
      ['/', 'is the root of the file system'],
      [home, 'is your home'],
      ['../../to-home', 'is your home'],
      ['../../to-root', 'is the root of the file system'],
    ] as const) {
      expect(expectOneSentence(await exported(format, output, inside, '--force'), 2)).toContain(why);
    }
    expect(stateOf(join(cwd, 'd'))).toEqual(before);
  });

  it('writes through a link to where it leads, and refuses one that leads nowhere', async () => {
    const cwd = newWork();
    mkdirSync(join(cwd, 'elsewhere'));
    modelAt(format, join(cwd, 'elsewhere/d'));
    symlinkSync('elsewhere/d', join(cwd, 'link'));
    symlinkSync('nowhere', join(cwd, 'dangling'));
    const before = statSync(join(cwd, 'elsewhere/d')).ino;
    const { code, stderr } = await exported(format, 'link', cwd, '--force');
    expect(code, stderr).toBe(0);
    expect(statSync(join(cwd, 'elsewhere/d')).ino).not.toBe(before);
    expect(readdirSync(join(cwd, 'elsewhere'))).toEqual(['d']);
    expect(expectOneSentence(await exported(format, 'dangling', cwd, '--force'), 2)).toContain('a link to nothing');
    expect(readdirSync(cwd)).toEqual(['dangling', 'elsewhere', 'link']);
  });
});

const MOUNTED = join(root, 'mounted');
mkdirSync(MOUNTED);
const canMount = spawnSync('mount', ['--bind', MOUNTED, MOUNTED]).status === 0;
afterAll(() => {
  if (canMount) execFileSync('umount', [MOUNTED]);
});

describe.skipIf(!canMount)('a mount point (needs root)', () => {
  it('is refused before the work, and a folder in it is named', async () => {
    const refused = await exported('tfjs', MOUNTED, root, '--force');
    expect(expectOneSentence(refused, 2)).toContain(`${MOUNTED} is a mount point`);
    expect(refused.stderr).toContain(`hint: Type --output ${join(MOUNTED, 'model')}.`);
    expect(readdirSync(MOUNTED)).toEqual([]);
  });
});

describe('a file', () => {
  it('that is another one’s link, too, is replaced with --force as any file is, and the other one stays', async () => {
    const cwd = newWork();
    writeFileSync(join(cwd, 'thesis.txt'), 'ten years');
    linkSync(join(cwd, 'thesis.txt'), join(cwd, 'x.onnx'));
    const { code, stderr } = await exported('onnx', 'x.onnx', cwd, '--force');
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(cwd, 'thesis.txt'), 'utf8')).toBe('ten years');
  });

  it('is no place for a folder, with --force, too', async () => {
    const cwd = newWork();
    writeFileSync(join(cwd, 'd'), 'ten years');
    expect(expectOneSentence(await exported('tfjs', 'd', cwd, '--force'), 2)).toContain('is a file');
    expect(readFileSync(join(cwd, 'd'), 'utf8')).toBe('ten years');
  });
});

/**
 * A folder from the net: its configuration, its names, its archives, its links and what lies there under the tool's own
 * names. Whatever is run there, nothing outside of the named output is touched, and what links lead to is not read.
 */

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAT, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { HOSTILE_TEXTS, snapshot, writeHostileArchives } from './helpers/hostile.js';
import type { Result, RunOptions } from './helpers/program.js';
import { csvRows, expectOneSentence, type Row } from './helpers/rows.js';

const root = temporaryFolder();
const hostile = join(root, 'hostile');
const outside = join(root, 'outside');
const home = join(root, 'home');
const temporary = join(root, 'tmp');
const victim = join(outside, 'victim.txt');
const CONFIG = join(hostile, 'vgg16.config.json');
/** The user's own, in place of the folder's. */
const TRUSTED = ['--config', '../own.json'];

/** Where a run may write: a new folder each time. */
let out = '';
beforeEach(() => {
  out = mkdtempSync(join(root, 'out-'));
});

beforeAll(() => {
  for (const folder of [hostile, outside, home, temporary]) mkdirSync(folder);
  writeFileSync(join(root, 'own.json'), '{"model": "mini"}');
  writeFileSync(victim, 'precious');
  copyFileSync(join(PHOTOS, 'ship.jpg'), join(outside, 'secret.jpg'));
  writeFileSync(join(home, '.bashrc'), 'alias ls=ls\n');

  const names = [...HOSTILE_TEXTS, '-rf', '--force', '=cmd()', '$(touch pwned)', '`touch pwned`', 'x'.repeat(240)];
  for (const name of names) place(join(hostile, `${name}.jpg`));
  copyFileSync(CAT, Buffer.concat([Buffer.from(join(hostile, 'k')), Buffer.from([0xff]), Buffer.from('.jpg')]));
  mkdirSync(join(hostile, 'folder.jpg'));

  symlinkSync('../outside/secret.jpg', join(hostile, 'secret-link.jpg'));
  symlinkSync(outside, join(hostile, 'folder-link'));
  symlinkSync('.', join(hostile, 'loop'));
  symlinkSync('self.jpg', join(hostile, 'self.jpg'));
  symlinkSync('/dev/zero', join(hostile, 'zero.jpg'));
  execFileSync('mkfifo', [join(hostile, 'pipe.jpg')]);
  writeHostileArchives(hostile, outside, CAT);
});

const run = (args: readonly string[], options: RunOptions = {}): Promise<Result> =>
  runCommand(args, { cwd: hostile, ...options, env: { HOME: home, TMPDIR: temporary, ...options.env } });

/** Runs, and fails where anything but the named outputs and the tool's own cache was touched. */
async function touchingNothing(args: readonly string[], outputs: readonly string[] = [], options: RunOptions = {}) {
  // The folder for temporary files itself is used, and has to be empty again.
  const leftOut = [out, join(home, '.cache'), temporary, ...outputs];
  // Making the cache changes the home.
  mkdirSync(join(home, '.cache'), { recursive: true });
  const before = snapshot(root, leftOut);
  const result = await run(args, options);
  expect(snapshot(root, leftOut)).toEqual(before);
  expect(readdirSync(temporary)).toEqual([]);
  return result;
}

const SOUND = HOSTILE_TEXTS.length + 7;

describe('its configuration', () => {
  const hostileConfig = (config: object) => {
    writeFileSync(CONFIG, JSON.stringify(config));
    return () => rmSync(CONFIG);
  };

  it.each<[string, object, readonly string[]]>([
    ['a file to overwrite', { output: victim, force: true }, ['classify', '.']],
    ['a file in the home', { output: join(home, '.bashrc'), force: true }, ['extract', '.', '-l', 'logits']],
    ['a folder to fill', { output: outside, force: true }, ['export', '.']],
    ['a cache', { 'cache-dir': outside }, ['model', 'list']],
    ['a server', { 'weights-url': 'http://127.0.0.1:1/' }, ['classify', '.']],
    ['a list from outside', { 'files-from': victim }, ['classify']],
    ['links to be followed', { 'follow-symlinks': true }, ['classify', '.', '-n']],
    ['a model outside', { model: '../outside/secret.jpg' }, ['classify', '.']],
    ['a model behind a link', { model: 'folder-link/secret.jpg' }, ['classify', '.']],
    ['labels outside', { labels: victim }, ['classify', '.', '-m', 'mini']],
    ['labels from a pipe', { labels: 'pipe.jpg' }, ['classify', '.', '-m', 'mini']],
    ['a place for a merge', { output: victim, force: true }, ['merge', 'part.csv']],
    ['a place for a model', { output: victim, force: true }, ['model', 'export', 'mini', '--format', 'onnx']],
  ])('may not name %s', async (_name, config, args) => {
    const remove = hostileConfig(config);
    const result = await touchingNothing(args);
    remove();
    expect(expectOneSentence(result, 2)).toContain('vgg16.config.json');
    expect(result.stdout.toString()).toBe('');
  });

  it('is not read through a link to somewhere else', async () => {
    symlinkSync('../outside/victim.txt', CONFIG);
    const result = await touchingNothing(['classify', '.']);
    rmSync(CONFIG);
    expect(expectOneSentence(result, 2)).toContain('a link that leads out of it');
    expect(result.stderr).not.toContain('precious');
  });
});

describe('its names, links and archives', () => {
  /** Rows whose paths lie in the folder itself. */
  const plain = (rows: readonly Row[]) => rows.filter(({ path }) => !/^trap\./.test(path ?? ''));

  it('give a row each, and links are passed over', async () => {
    const { code, stderr } = await touchingNothing([...['classify', '.', '-o', join(out, 'labels.csv')], ...TRUSTED]);
    const rows = csvRows(readFileSync(join(out, 'labels.csv')));
    expect([0, 3], stderr).toContain(code);
    expect(rows.filter(({ status }) => status === 'ok')).toHaveLength(SOUND);
    expect(rows.some(({ path }) => path?.includes('secret') || path?.includes('zero'))).toBe(false);
  });

  it('named one by one are told and not waited for', async () => {
    const { code, stdout } = await touchingNothing([
      ...['classify', 'zero.jpg', 'pipe.jpg', 'self.jpg', 'folder.jpg', './-rf.jpg', '--format', 'csv'],
      ...TRUSTED,
    ]);
    expect(code).toBe(3);
    const rows = csvRows(stdout);
    expect(rows.filter(({ status }) => status === 'ok').map(({ path }) => path)).toEqual(['-rf.jpg']);
  });

  it.each(['trap.tar', 'trap.zip'])('in %s are never unpacked, and its links lead nowhere', async (archive) => {
    const { code, stderr } = await touchingNothing([...['classify', archive, '-o', join(out, 'x.csv')], ...TRUSTED]);
    expect([0, 3], stderr).toContain(code);
    const rows = csvRows(readFileSync(join(out, 'x.csv')));
    expect(rows.filter(({ status }) => status === 'ok').length).toBeGreaterThanOrEqual(3);
    const linked = rows.filter(({ path }) => /secret|hard|zero|pipe/.test(path ?? ''));
    expect(linked.filter(({ status }) => status === 'ok')).toEqual([]);
  });

  it('are the same to extract, export and merge', async () => {
    const share = (n: number) => [...['extract', '.', '-l', 'logits', '--shard', `${n}/2`], ...TRUSTED];
    for (const n of [1, 2]) await touchingNothing([...share(n), '-o', join(out, `${n}.npy`)]);
    const parts = [1, 2].map((n) => join(out, `${n}.npy`));
    const merged = await touchingNothing([...['merge', ...parts, '-o', join(out, 'all.npy')], ...TRUSTED]);
    expect(merged.code, merged.stderr).toBe(0);
    expect(readFileSync(join(out, 'all.npy.paths'), 'utf8').split('\n').length).toBeGreaterThan(SOUND);
    const exported = await touchingNothing([
      ...['export', '.', '-o', join(out, 'set'), '--format', 'csv', '--ext', 'jpg,tar,zip'],
      ...TRUSTED,
    ]);
    expect([0, 3], exported.stderr).toContain(exported.code);
    const rows = csvRows(readFileSync(join(out, 'set/rows/part-00000.csv')));
    expect(plain(rows).filter(({ status }) => status === 'ok')).toHaveLength(SOUND);
    expect(rows.length).toBeGreaterThan(plain(rows).length);
  });

  it('are listed by --dry-run and nothing else', async () => {
    const { code, stdout } = await touchingNothing(['classify', '.', '-n', ...TRUSTED]);
    expect({ code, ending: stdout.toString().endsWith('x.jpg\n') }).toEqual({ code: 0, ending: true });
  });
});

describe("what lies there under the tool's own names", () => {
  const labels = () => join(out, 'labels.csv');
  const companions = ['labels.csv.run.json', 'labels.csv.journal', 'labels.csv.0badf00d.partial'];

  /** The output goes into the folder, as with `-o labels.csv`. */
  function plant(): void {
    for (const name of companions) symlinkSync(victim, join(out, name));
    execFileSync('mkfifo', [join(out, 'labels.csv.deadbeef.journal')]);
    linkSync(victim, join(out, 'labels.csv.deadbeef.partial'));
  }

  it.each([[[]], [['--resume']], [['--force']]] as const)('is not followed with %j', async (flags) => {
    plant();
    const { code, stderr } = await run(['classify', './-rf.jpg', '-o', labels(), ...flags, ...TRUSTED]);
    expect(code, stderr).toBe(0);
    expect(csvRows(readFileSync(labels())).map(({ status }) => status)).toEqual(['ok']);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(JSON.parse(readFileSync(`${labels()}.run.json`, 'utf8')).exitCode).toBe(0);
  });

  it('is not replaced behind a link without --force', async () => {
    symlinkSync(victim, labels());
    const result = await touchingNothing([...['classify', './-rf.jpg', '-o', labels()], ...TRUSTED]);
    expect(expectOneSentence(result, 2)).toContain('exists');
  });

  it.each(['--force', '--resume'])('is no dataset whose folders lead elsewhere, with %s', async (flag) => {
    const set = join(out, 'set');
    mkdirSync(join(set, 'journal'), { recursive: true });
    writeFileSync(join(set, 'manifest.json'), '{}');
    writeFileSync(join(outside, 'part-00000.csv'), 'precious');
    symlinkSync(outside, join(set, 'rows'));
    const args = ['export', './-rf.jpg', '-o', set, '--format', 'csv', flag, ...TRUSTED];
    expect(expectOneSentence(await touchingNothing(args), 2)).toContain('rows is a link');
    rmSync(join(outside, 'part-00000.csv'));
  });
});

describe('parts from somebody else', () => {
  const rename = (file: string, from: string, to: string) =>
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(JSON.stringify(from), JSON.stringify(to)));

  it.each<[string, (part: string) => void]>([
    [
      'a pipe for a manifest',
      (part) => {
        mkdirSync(part);
        execFileSync('mkfifo', [join(part, 'manifest.json')]);
      },
    ],
    [
      'a pipe for a journal',
      (part) => {
        writeFileSync(part, 'path,status\n');
        execFileSync('mkfifo', [`${part}.journal`, `${part}.run.json`]);
      },
    ],
    ['a device', (part) => symlinkSync('/dev/zero', part)],
  ])('are not waited for where there is %s', async (_name, make) => {
    const part = join(out, 'part.csv');
    make(part);
    const result = await touchingNothing(['merge', part, '-o', join(out, 'all.csv'), ...TRUSTED]);
    expectOneSentence(result, 2);
  });

  it('name no folder outside of the merged dataset', async () => {
    const parts = join(out, 'parts/a');
    mkdirSync(join(out, 'parts'));
    const made = await run(['export', './-rf.jpg', '-o', parts, '--layer', 'logits', '--format', 'csv', ...TRUSTED]);
    expect(made.code, made.stderr).toBe(0);
    renameSync(join(parts, 'logits'), join(out, 'parts/planted'));
    for (const file of ['manifest.json', 'journal/part-00000.journal'])
      rename(join(parts, file), 'logits', '../planted');
    const target = join(out, 'merged');
    const result = await touchingNothing(['merge', parts, '-o', target, ...TRUSTED]);
    expect(existsSync(join(out, 'planted'))).toBe(false);
    expect(expectOneSentence(result, 2)).toContain('manifest');
  });

  it('name no file outside of the merged output', async () => {
    mkdirSync(join(out, 'parts'));
    const part = join(out, 'parts/a.npy');
    const made = await run(['extract', './-rf.jpg', '-o', part, '-l', 'fc7', '-l', 'logits', ...TRUSTED]);
    expect(made.code, made.stderr).toBe(0);
    renameSync(join(out, 'parts/a.logits.npy'), join(out, 'planted.npy'));
    rename(`${part}.journal`, 'logits', '/../../planted');
    const planted = readFileSync(join(out, 'planted.npy'));
    mkdirSync(join(out, 'merged'));
    const result = await touchingNothing(['merge', part, '-o', join(out, 'merged/all.npy'), '--force', ...TRUSTED]);
    expect(readFileSync(join(out, 'planted.npy'))).toEqual(planted);
    expect(readdirSync(join(out, 'merged'))).toEqual([]);
    expect(expectOneSentence(result, 2)).toContain('journal');
  });
});

/**
 * An error of the disk, a kill or a signal at every call that changes the folder of an output. VGG16_TEST_FAULTS=all tries
 * all of them, for an hour; without it the commands that write models meet a few each, spread over their runs (those that
 * stream rows have faults.e2e.test.ts and kills.soak.test.ts).
 */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type Call, type Fault, Faults } from './helpers/faults.js';
import { MINI, PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { type Result, ROOT } from './helpers/program.js';
import { expectOneSentence } from './helpers/rows.js';

const root = temporaryFolder();

const ALL = process.env.VGG16_TEST_FAULTS === 'all';

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: ALL ? 3_600_000 : 300_000, hookTimeout: 300_000 });

const FAULTS: readonly Fault[] = ['ENOSPC', 'SIGKILL', 'EIO', 'SIGTERM', 'ENOSPC for ever', 'EIO for ever', 'SIGINT'];

/** Each command meets one in so many of the faults, unless all are tried. */
const ONE_IN = 4;

const SLIM = join(ROOT, 'fixtures/models/slim-torchvision.pth');
const PHOTO_FILES = PHOTO_NAMES.slice(0, 4).map((name) => place(join(root, 'photos', name), join(PHOTOS, name)));

interface Work {
  readonly name: string;
  readonly words: readonly string[];
  readonly output: string;
  /** What makes an older output, which is then replaced; without it there is none. */
  readonly older?: readonly string[];
  /** The switch of a run after one that a fault has ended. */
  readonly again: '--force' | '--resume';
}

function exporting(format: string, output: string, other?: readonly string[]): Work {
  const words = ['model', 'export', SLIM, '--format', format, '-o', output];
  const again = '--force';
  if (other === undefined) return { name: `model export --format ${format}`, words, output, again };
  const name = `model export --format ${format} --force`;
  return { name, words: [...words, '--force'], output, older: [...words, ...other], again };
}

const WHOLE: readonly Work[] = [
  {
    name: 'model import',
    words: ['model', 'import', MINI, '-o', 'mini.safetensors'],
    output: 'mini.safetensors',
    again: '--force',
  },
  exporting('safetensors', 'x.safetensors', ['--precision', 'f16']),
  exporting('pytorch', 'x.pth'),
  exporting('keras', 'x.keras'),
  exporting('onnx', 'x.onnx'),
  exporting('tfjs', 'x'),
  exporting('tfjs', 'x', ['--outputs', 'fc7']),
  exporting('savedmodel', 'x'),
  exporting('savedmodel', 'x', ['--outputs', 'fc7']),
  {
    name: 'model quantize',
    words: ['model', 'quantize', MINI, '--calibrate', ...PHOTO_FILES, '--method', 'max', '-o', 'int8.safetensors'],
    output: 'int8.safetensors',
    again: '--force',
  },
];

function streaming(command: string, output: string, ...more: readonly string[]): Work {
  const words = [command, join(root, 'photos'), '-m', MINI, '-o', output, '-q', ...more];
  return { name: `${command} to ${output}`, words, output, again: '--resume' };
}

function merging(extension: string): Work {
  const parts = [1, 2].map((i) => join(root, `part-${i}.${extension}`));
  const output = `all.${extension}`;
  return {
    name: `merge to ${output}`,
    words: ['merge', ...parts, '-o', output, '-q'],
    output,
    again: '--resume',
  };
}

const STREAMS: readonly Work[] = [
  streaming('classify', 'x.csv'),
  streaming('extract', 'x.npy', '-l', 'logits'),
  streaming('extract', 'x.parquet', '-l', 'logits'),
  streaming('export', 'dataset', '--shard-rows', '2'),
  merging('csv'),
  merging('parquet'),
];

/** A file's content (of a .keras its length, since HDF5 notes the time), or the names and contents of a folder's files. */
function contentOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'absent';
  if (found.isFile()) return path.endsWith('.keras') ? String(found.size) : readFileSync(path, 'latin1');
  // The record of a run says when it was, and the journals of a dataset's parts who wrote them.
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== 'run.json' && !/^journal\//.test(name))
    .sort();
  const contents = names.map((name) =>
    statSync(join(path, name)).isFile() ? readFileSync(join(path, name), 'latin1') : '',
  );
  return JSON.stringify([names, contents]);
}

/** Of a file, or of all files in a folder. */
function bytesOf(path: string): number {
  const found = statSync(path);
  if (found.isFile()) return found.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

function expectDone({ code, stderr }: Result): void {
  expect(code, stderr).toBe(0);
}

const faults = Faults.compile(root);
const run: Faults['run'] = (...all) => (faults as Faults).run(...all);
let folders = 0;

function newFolder(): string {
  const folder = join(root, `run-${folders++}`);
  mkdirSync(folder);
  return folder;
}

/** What a run without a fault does and gives, and what is there before. */
interface Known {
  readonly calls: readonly Call[];
  readonly content: string;
  /** All names in the folder. */
  readonly names: readonly string[];
  readonly older: string | undefined;
  readonly before: string;
}

async function known({ words, output, older }: Work): Promise<Known> {
  let there: string | undefined;
  if (older !== undefined) {
    const made = newFolder();
    expectDone(await run(older, { cwd: made, folder: made }));
    there = join(made, output);
  }
  const folder = newFolder();
  if (there !== undefined) cpSync(there, join(folder, output), { recursive: true });
  const result = await run(words, { cwd: folder, folder });
  expectDone(result);
  const content = contentOf(join(folder, output));
  const before = there === undefined ? 'absent' : contentOf(there);
  expect(content).not.toBe(before);
  return { calls: result.calls, content, names: readdirSync(folder), older: there, before };
}

/** What one run with a fault has left. */
interface Left {
  readonly result: Result;
  readonly folder: string;
  readonly output: string;
  /** At which the fault was; undefined where the run did not come so far. */
  readonly call: Call | undefined;
  /** For messages. */
  readonly where: string;
}

/** Runs with `fault` at every call; or at one, which is another one for each command and fault. */
async function* attempts(work: Work, { calls, older }: Known, fault: Fault, share: number): AsyncGenerator<Left> {
  const all = calls.map((_, i) => i + 1);
  for (const at of ALL ? all : [1 + Math.floor(share * calls.length)]) {
    const folder = newFolder();
    if (older !== undefined) cpSync(older, join(folder, work.output), { recursive: true });
    const result = await run(work.words, { cwd: folder, folder, at, fault });
    const call = result.calls[at - 1];
    const where = `${fault} at ${at} of ${calls.length} (${call?.name} ${call?.path}): ${result.code} ${result.stderr}`;
    yield { result, folder, output: join(folder, work.output), call, where };
    rmSync(folder, { recursive: true });
  }
}

/** Evenly spread over 0 to 1, whatever how many there are: multiples of the golden ratio. */
const spread = (i: number): number => (i * 0.6180339887) % 1;

/** What each command meets. */
function met(works: readonly Work[]) {
  return works.map((work, i) => ({
    work,
    faults: FAULTS.map((fault, j) => ({ fault, share: spread(i * FAULTS.length + j) })).filter(
      (_, j) => ALL || (i + j) % ONE_IN === 0,
    ),
  }));
}

/** The exit code is that of a signal, or of an error with one sentence. */
function expectEnd({ result, where }: Left, fault: Fault, codes: readonly number[]): void {
  expect(result.stderr, where).not.toMatch(/^\s+at |node:internal/m);
  if (fault === 'SIGKILL') expect(result.signal, where).toBe('SIGKILL');
  else if (fault === 'SIGTERM' || fault === 'SIGINT') {
    expect([0, fault === 'SIGTERM' ? 143 : 130], where).toContain(result.code);
  } else if (result.code !== 0) {
    expect(codes, where).toContain(result.code);
    expect(expectOneSentence(result, result.code), where).toMatch(/^Expected to \w+ .+ but .+\.$/);
  }
}

describe.skipIf(faults === undefined).each(met(WHOLE))('$work.name (needs cc)', ({ work, faults: some }) => {
  let whole: Known;
  beforeAll(async () => {
    whole = await known(work);
    expect(whole.names).toEqual([work.output]);
  });

  it.each(some)('$fault: the output as it was, or whole, and nothing beside it', async ({ fault, share }) => {
    for await (const left of attempts(work, whole, fault, share)) {
      const { result, folder, output, call, where } = left;
      expectEnd(left, fault, [1]);
      const found = contentOf(output);
      const beside = () => readdirSync(folder).filter((name) => name !== work.output);
      if (result.code === 0) expect(found, where).toBe(whole.content);
      // Nothing renames a folder over another one: between its two names there is none.
      const isSwap = work.older !== undefined && call?.name === 'rename' && call.path === output;
      if (isSwap && found === 'absent' && fault !== 'SIGKILL') {
        const kept = /^hint: What was there is in (.+): mv /m.exec(result.stderr)?.[1] as string;
        expect(contentOf(kept), where).toBe(whole.before);
        continue;
      }
      if (!(isSwap && fault === 'SIGKILL')) expect([whole.before, whole.content], where).toContain(found);
      if (fault === 'SIGKILL') {
        expectDone(await run([...work.words, work.again], { cwd: folder, folder }));
        expect(contentOf(output), where).toBe(whole.content);
        // What was killed before it could say whose it is, or last of all, is empty, and stays for a minute.
        expect(
          beside().filter((name) => bytesOf(join(folder, name)) > 0),
          where,
        ).toEqual([]);
        continue;
      }
      expect(beside(), where).toEqual([]);
    }
  });
});

describe.skipIf(faults === undefined || !ALL).each(met(STREAMS))('$work.name (needs cc)', ({ work, faults: some }) => {
  let whole: Known;
  beforeAll(async () => {
    for (const extension of ['csv', 'parquet']) {
      for (const i of [1, 2]) {
        const part = join(root, `part-${i}.${extension}`);
        if (existsSync(part)) continue;
        const words = ['extract', join(root, 'photos'), '-m', MINI, '-l', 'logits', '--shard', `${i}/2`, '-o', part];
        expectDone(await run([...words, '-q'], { folder: join(root, 'none') }));
      }
    }
    whole = await known(work);
  });

  it.each(some)('$fault: no output or a whole one, and --resume ends in the same', async ({ fault, share }) => {
    for await (const left of attempts(work, whole, fault, share)) {
      const { folder, output, where } = left;
      // 2: what cannot be created is found before the work, as a wrong --output.
      expectEnd(left, fault, [1, 2]);
      if (statSync(output, { throwIfNoEntry: false })?.isFile()) expect(contentOf(output), where).toBe(whole.content);
      const again = await run([...work.words, work.again], { cwd: folder, folder });
      expect(again.code, `${where}, then ${again.stderr}`).toBe(0);
      expect(contentOf(output), where).toBe(whole.content);
      // A draft of the record, 1 kB, and a journal that was killed before its first line stay: nobody can tell whose they are.
      const beside = readdirSync(folder).filter(
        (name) => !/\.[0-9a-f]{8}\.(?:try-output\.partial|journal)$|\.run\.json\.[0-9a-f]{8}\.partial$/.test(name),
      );
      expect(beside, where).toEqual(whole.names);
    }
  });
});

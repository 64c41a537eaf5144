/** kill -9 at random moments, again and again: with --resume the output is the one of a run that was not killed. */

import { createHash } from 'node:crypto';
import {
  type FSWatcher,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ODD, PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { type Result, start } from './helpers/program.js';

const root = temporaryFolder();

const IMAGES = 300;

/** Kills a command, each of a process that was alive. */
const KILLS = 50;

/** After so many kills of one output the next --resume may run to its end. */
const KILLS_A_CHAIN = 5;

/** Outputs under way at the same time. */
const LANES = 2;

/** A machine that is done with its runs before any kill comes would never reach `KILLS`. */
const MAX_CHAINS = 60;

const TEST_MS = 600_000;

beforeAll(() => {
  mkdirSync(join(root, 'photos'));
  const sources = PHOTO_NAMES.map((name) => place(join(root, name), join(PHOTOS, name)));
  const photo = (i: number) => join(root, 'photos', `${String(i).padStart(3, '0')}.jpg`);
  for (let i = 0; i < IMAGES; i += 1) {
    if (i === 77) writeFileSync(photo(i), 'no image');
    else if (i === 222) place(photo(i), join(ODD, 'truncated.jpg'));
    else linkSync(sources[i % sources.length] as string, photo(i));
  }
});

/** Numbers in [0, 1), the same ones for the same seed: mulberry32 (public domain, Tommy Ettinger). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Name → sha256 of all files below a folder. */
function digests(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    files
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ]),
  );
}

/** Files that say when and where they were made. */
const OWN_FILES = /(?:^|\/|\.)run\.json$|^[^/]+\.journal$|^dataset\/journal\/part-\d+\.journal$/;

/**
 * A run that was killed before it wrote the first line of its journal: nobody can tell whether it is dead until its files
 * have not been touched for a minute.
 */
function isUntold(file: string): boolean {
  return /\.[0-9a-f]{8}\.journal$/.test(file) && !readFileSync(file, 'utf8').includes('\n');
}

interface Work {
  readonly command: 'extract' | 'export';
  /** Its name in the folder of each chain. */
  readonly output: string;
  readonly flags: readonly string[];
}

function run({ command, output, flags }: Work, folder: string, ...more: readonly string[]) {
  mkdirSync(folder, { recursive: true });
  const words = [command, '../photos', '-m', 'mini', '-b8', '-q', '-o', output, ...flags, ...more];
  return start(words, { cwd: folder });
}

/** What a run that is not killed leaves, and when it had written its first row and its last, in milliseconds. */
interface Whole {
  readonly files: Map<string, string>;
  readonly first: number;
  readonly last: number;
}

async function whole(work: Work, name: string): Promise<Whole> {
  const folder = join(root, name);
  mkdirSync(folder);
  const began = performance.now();
  let first = 0;
  const watcher = onFile(folder, /./, () => {
    if (first === 0) first = performance.now() - began;
  });
  const { code, stderr } = await run(work, folder).done;
  watcher.close();
  // Two images are broken.
  expect(code, stderr).toBe(3);
  return { files: products(folder), first, last: performance.now() - began };
}

/** The files that have to be the same, whoever made them. */
function products(folder: string): Map<string, string> {
  return new Map([...digests(folder)].filter(([name]) => !OWN_FILES.test(name) && !isUntold(join(folder, name))));
}

/** Calls `then` when a file whose name fits comes, goes or changes in the folder. */
function onFile(folder: string, name: RegExp, then: () => void): FSWatcher {
  return watch(folder, (_event, file) => {
    if (file !== null && name.test(file)) then();
  });
}

/** Kills one output again and again, then lets it come to its end. Resolves to the number of kills. */
async function chain(work: Work, folder: string, random: () => number, { files, first, last }: Whole): Promise<number> {
  let kills = 0;
  const killed = async (kill: (end: () => void) => () => void): Promise<boolean> => {
    const running = run(work, folder, '--resume');
    const cancel = kill(() => running.child.kill('SIGKILL'));
    const result = await running.done;
    cancel();
    if (result.signal === 'SIGKILL') kills += 1;
    else expectDone(result);
    return result.signal === 'SIGKILL';
  };
  const after = (ms: number) => (end: () => void) => {
    const timer = setTimeout(end, ms);
    return () => clearTimeout(timer);
  };
  let going = true;
  while (going && kills < KILLS_A_CHAIN - 1) {
    // Now and then before the first row; else so that the kills of a chain together reach its end.
    const early = random() < 0.15;
    const share = ((last - first) * 2) / KILLS_A_CHAIN;
    going = await killed(after(early ? random() * first : first + random() * share));
  }
  // As it ends: when a file is packed, or takes its name.
  if (going) {
    const ending = new RegExp(`^${work.output.replace('.', '\\.')}(\\..*\\.packed\\.partial)?$|^manifest\\.json\\.`);
    mkdirSync(folder, { recursive: true });
    const watched = work.command === 'export' ? join(folder, work.output) : folder;
    mkdirSync(watched, { recursive: true });
    await killed((end) => {
      const watcher = onFile(watched, ending, end);
      return () => watcher.close();
    });
  }
  expectDone(await run(work, folder, '--resume').done);
  expect(products(folder)).toEqual(files);
  rmSync(folder, { recursive: true });
  return kills;
}

function expectDone({ code, stderr }: Result): void {
  expect(code, stderr).toBe(3);
  expect(stderr).toBe('');
}

/** Chains of these works in turn until there were `KILLS` kills. */
async function kills(works: readonly Work[], seed: number): Promise<number> {
  const wholes: Whole[] = [];
  for (const [i, work] of works.entries()) wholes.push(await whole(work, `whole-${work.command}-${i}`));
  let count = 0;
  let chains = 0;
  const lane = async () => {
    while (count < KILLS && chains < MAX_CHAINS) {
      const i = chains % works.length;
      const work = works[i] as Work;
      const name = join(root, `${work.command}-${chains}`);
      chains += 1;
      count += await chain(work, name, seeded(seed + chains), wholes[i] as Whole);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return count;
}

describe(`kill -9 at ${KILLS} moments, each time gone on with --resume, leaves the bytes of a run that was not killed:`, () => {
  it('extract', { timeout: TEST_MS }, async () => {
    const npy: Work = { command: 'extract', output: 'x.npy', flags: [] };
    const parquet: Work = { command: 'extract', output: 'x.parquet', flags: ['-l', 'fc7', '-l', 'pool5'] };
    const jsonl: Work = { command: 'extract', output: 'x.jsonl', flags: ['-l', 'logits'] };
    expect(await kills([npy, parquet, npy, jsonl, npy], 1)).toBeGreaterThanOrEqual(KILLS);
  });

  it('export', { timeout: TEST_MS }, async () => {
    const work: Work = { command: 'export', output: 'dataset', flags: ['--shard-rows', '20'] };
    expect(await kills([work], 1000)).toBeGreaterThanOrEqual(KILLS);
  });
});

/** kill -9 at random moments, again and again: with --resume the output is the one of a run that was not killed. */

import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ODD, PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { type Result, type Running, start } from './helpers/program.js';

const root = temporaryFolder();

const IMAGES = 140;

/** Kills a command, each of a process that was alive. */
const KILLS = 50;

/** After so many kills of one output the next --resume may run to its end. */
const KILLS_A_CHAIN = 9;

/** Of the kills, those before the first row. */
const EARLY = 0.15;

/** From a write to the kill, at most, in milliseconds: into what comes next. */
const JITTER_MS = 8;

/** Outputs under way at the same time. */
const LANES = 2;

/** A machine that is done with its runs before any kill comes would never reach `KILLS`. */
const MAX_CHAINS = 60;

/** A machine that does other work takes ten times as long. */
const TEST_MS = 1_200_000;

beforeAll(() => {
  mkdirSync(join(root, 'photos'));
  const sources = PHOTO_NAMES.map((name) => place(join(root, name), join(PHOTOS, name)));
  const photo = (i: number) => join(root, 'photos', `${String(i).padStart(3, '0')}.jpg`);
  for (let i = 0; i < IMAGES; i += 1) {
    if (i === 77) writeFileSync(photo(i), 'no image');
    else if (i === 133) place(photo(i), join(ODD, 'truncated.jpg'));
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
const OWN_FILES =
  /(?:^|\/|\.)run\.json(?:\.[0-9a-f]{8}\.partial)?$|^[^/]+\.journal$|^dataset\/journal\/part-\d+\.journal$/;

/**
 * A run that was killed before it wrote the first line of its journal, or whose the folder is that it unpacks into: nobody
 * can tell whether it is dead until its files have not been touched for a minute or two.
 */
function isUntold(file: string): boolean {
  if (/\.[0-9a-f]{8}\.unpacked\/owner\.json$/.test(file)) return readFileSync(file).length === 0;
  return /\.[0-9a-f]{8}\.journal$/.test(file) && !readFileSync(file, 'utf8').includes('\n');
}

interface Work {
  readonly command: 'extract' | 'export';
  /** Its name in the folder of each chain. */
  readonly output: string;
  readonly flags: readonly string[];
  /** The folders below that of the chain in which it writes. */
  readonly folders: readonly string[];
  /** Files that come when an output, or a part, is finished. */
  readonly ending: RegExp;
}

/** A new folder with those that the work writes into, so that they can be watched. */
function folderOf({ folders }: Work, name: string): string {
  const folder = join(root, name);
  for (const each of folders) mkdirSync(join(folder, each), { recursive: true });
  return folder;
}

function run({ command, output, flags }: Work, folder: string): Running {
  const words = [command, '../photos', '-m', 'mini', '-b8', '-q', '--resume', '-o', output, ...flags];
  return start(words, { cwd: folder });
}

/** Calls `then` with each name that the system tells of: a file came, went or was written. Returns how to stop. */
function watched({ folders }: Work, folder: string, then: (name: string) => void): () => void {
  const watchers = folders.map((each) => watch(join(folder, each), (_event, name) => then(name ?? '')));
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

/** What a run that is not killed leaves, how often it wrote, and after how many milliseconds first. */
interface Whole {
  readonly files: Map<string, string>;
  readonly writes: number;
  readonly first: number;
}

async function whole(work: Work, name: string): Promise<Whole> {
  const folder = folderOf(work, name);
  const began = performance.now();
  let first = 0;
  let writes = 0;
  const stop = watched(work, folder, () => {
    if (writes === 0) first = performance.now() - began;
    writes += 1;
  });
  expectDone(await run(work, folder).done);
  stop();
  return { files: products(folder), writes, first };
}

/** The files that have to be the same, whoever made them. */
function products(folder: string): Map<string, string> {
  return new Map([...digests(folder)].filter(([name]) => !OWN_FILES.test(name) && !isUntold(join(folder, name))));
}

/** Kills one output again and again, then lets it come to its end. Resolves to the number of kills. */
async function chain(work: Work, name: string, random: () => number, { files, writes, first }: Whole): Promise<number> {
  const folder = folderOf(work, name);
  let kills = 0;
  /** Whether the process was alive; `when` is told of each write and answers whether to kill now. */
  const killed = async (when: (name: string) => boolean, afterMs = Number.POSITIVE_INFINITY): Promise<boolean> => {
    const running = run(work, folder);
    const timers: NodeJS.Timeout[] = [];
    const kill = (ms: number) => timers.push(setTimeout(() => running.child.kill('SIGKILL'), ms));
    if (afterMs < Number.POSITIVE_INFINITY) kill(afterMs);
    const jitter = random() * JITTER_MS;
    const stop = watched(work, folder, (name) => {
      if (when(name)) kill(jitter);
    });
    const result = await running.done;
    stop();
    for (const timer of timers) clearTimeout(timer);
    if (result.signal !== 'SIGKILL') expectDone(result);
    else kills += 1;
    return result.signal === 'SIGKILL';
  };
  let going = true;
  while (going && kills < KILLS_A_CHAIN - 1) {
    if (random() < EARLY) {
      going = await killed(() => false, random() * first);
      continue;
    }
    // So that the kills of a chain together stay short of its end: rows taken over are written in fewer pieces.
    let left = Math.floor((random() * 1.2 * writes) / KILLS_A_CHAIN);
    going = await killed(() => left-- === 0);
  }
  if (going) {
    let left = Math.floor(random() * 3);
    await killed((file) => work.ending.test(file) && left-- === 0);
  }
  expectDone(await run(work, folder).done);
  expect(products(folder)).toEqual(files);
  rmSync(folder, { recursive: true });
  return kills;
}

/** Two images are broken. */
function expectDone({ code, stderr }: Result): void {
  expect(code, stderr).toBe(3);
  expect(stderr).toBe('');
}

/** Chains of these works in turn until there were `KILLS` kills. */
async function kills(works: readonly Work[], seed: number): Promise<number> {
  const wholes = await Promise.all(works.map((work, i) => whole(work, `whole-${work.command}-${i}`)));
  let count = 0;
  let chains = 0;
  const lane = async () => {
    while (count < KILLS && chains < MAX_CHAINS) {
      const i = chains % works.length;
      chains += 1;
      const name = `${works[i]?.command}-${chains}`;
      const more = await chain(works[i] as Work, name, seeded(seed + chains), wholes[i] as Whole);
      count += more; // not `count += await`, which forgets what the other lane adds meanwhile
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return count;
}

const NPY: Work = { command: 'extract', output: 'x.npy', flags: [], folders: ['.'], ending: /^x\.npy(\.paths)?$/ };
const PARQUET: Work = {
  command: 'extract',
  output: 'x.parquet',
  flags: ['-l', 'fc7', '-l', 'pool5'],
  folders: ['.'],
  ending: /^x\.parquet(\.\w+\.packed\.partial)?$/,
};
const JSONL: Work = {
  command: 'extract',
  output: 'x.jsonl',
  flags: ['-l', 'logits'],
  folders: ['.'],
  ending: /^x\.jsonl$/,
};
const ZSTD: Work = {
  command: 'extract',
  output: 'x.csv.zst',
  flags: ['-l', 'logits'],
  folders: ['.'],
  ending: /^x\.csv\.zst(\.\w+\.packed\.partial)?$/,
};
const DATASET: Work = {
  command: 'export',
  output: 'dataset',
  flags: ['--shard-rows', '20'],
  folders: ['dataset', 'dataset/rows', 'dataset/fc7', 'dataset/journal'],
  ending: /^(manifest\.json|part-\d+\.parquet)/,
};

describe(`kill -9 at ${KILLS} moments, each time gone on with --resume, leaves the bytes of a run that was not killed:`, () => {
  it('extract', { timeout: TEST_MS }, async () => {
    expect(await kills([NPY, PARQUET, JSONL, ZSTD], 1)).toBeGreaterThanOrEqual(KILLS);
  });

  it('export', { timeout: TEST_MS }, async () => {
    expect(await kills([DATASET], 1000)).toBeGreaterThanOrEqual(KILLS);
  });
});

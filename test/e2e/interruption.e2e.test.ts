import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/output/store/run-record.js';
import { PHOTO_NAMES, PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { classify, PROGRAM, type Result, start, startProgram } from './helpers/program.js';
import { csvRows } from './helpers/rows.js';

const folder = temporaryFolder();

/** So many that no machine is done with them when the signal comes. */
const MANY = 50_000;

beforeAll(() => {
  mkdirSync(join(folder, 'many'));
  const sources = PHOTO_NAMES.map((name) => place(join(folder, name), join(PHOTOS, name)));
  for (let i = 0; i < MANY; i += 1) {
    linkSync(sources[i % sources.length] as string, join(folder, 'many', `${String(i).padStart(5, '0')}.jpg`));
  }
});

/** Starts over all images, and sends SIGINT or SIGTERM once rows are in the partial file. */
async function interrupted(output: string, signal: NodeJS.Signals, ...more: readonly string[]): Promise<Result> {
  const words = ['classify', 'many', '-m', 'mini', '-k1', '-b8', '--no-progress', '-v', '-o', output, ...more];
  const run = start(words, { cwd: folder });
  await run.until('stderr', (text) => text.includes('mini is ready'));
  await expect.poll(() => partialRows(output), { timeout: 20_000 }).toBeGreaterThan(20);
  run.child.kill(signal);
  return run.done;
}

/** A batch of this many takes the full-size network seconds on any processor. */
const LONG_BATCH = 128;

/** Within this long a machine that is busy with other tests has decoded so many, in milliseconds. */
const DECODING_MS = 3000;

/** Whether a process has taken SIGTERM for itself: bit 14 of what it catches, proc(5). */
function listens(pid: number | undefined): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return ((BigInt(`0x${caught}`) >> 14n) & 1n) === 1n;
}

/** Starts over all images with the full-size network and interrupts it within its second batch. */
async function inLongBatch(output: string, ...signals: readonly NodeJS.Signals[]) {
  const words = [
    'classify',
    'many',
    '-m',
    'random',
    `-b${LONG_BATCH}`,
    '--precision',
    'f32',
    '--no-progress',
    '-v',
    '-o',
    output,
  ];
  const run = start(words, { cwd: folder });
  // Decoding goes on when the first, small batch is through; then the next one is full.
  await expect.poll(() => partialRows(output), { timeout: 60_000 }).toBeGreaterThan(0);
  await sleep(DECODING_MS);
  for (const signal of signals) {
    run.child.kill(signal);
    await run.until('stderr', (text) =>
      text.includes(signal === 'SIGTERM' ? 'Ending (SIGTERM)' : 'Ctrl-C again ends at once'),
    );
  }
  return await run.done;
}

function partials(output: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${output}.`) && name.endsWith('.partial'))
    .map((name) => join(folder, name));
}

/** Rows written so far, the header not counted. */
function partialRows(output: string): number {
  return partials(output).reduce((rows, file) => rows + readFileSync(file, 'utf8').split('\n').length - 2, 0);
}

/** The rows of a partial file: every line whole, and each image in its place. */
function expectWholeRows(file: string): number {
  const text = readFileSync(file, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  const rows = csvRows(text);
  expect(rows.map(({ path, status }) => [path, status])).toEqual(
    rows.map((_, i) => [`many/${String(i).padStart(5, '0')}.jpg`, 'ok']),
  );
  return rows.length;
}

describe('a run that is interrupted', () => {
  it('by Ctrl-C finishes the batch in flight, says where the rows are, and ends with 130', async () => {
    const run = await interrupted('int.csv', 'SIGINT');
    expect(run.code, run.stderr).toBe(130);
    expect(run.stderr).toContain('Ctrl-C again ends at once');
    const [, count, file] = /Interrupted \(SIGINT\): ([\d,]+) rows are in (.+)\.\n/.exec(run.stderr) ?? [];
    expect(run.stderr).toMatch(/\.\nThe same command with --resume goes on from there\.\n$/);
    expect(partials('int.csv')).toEqual([join(folder, file?.slice(file.lastIndexOf('/') + 1) ?? '')]);
    const rows = expectWholeRows(partials('int.csv')[0] as string);
    expect(rows).toBe(Number(count?.replaceAll(',', '')));
    expect(rows).toBeLessThan(MANY);
    expect(existsSync(join(folder, 'int.csv'))).toBe(false);
    expect(readJson<RunRecord>(join(folder, 'int.csv.run.json'))).toMatchObject({
      exitCode: 130,
      counts: { seen: rows, ok: rows, failed: 0 },
      output: { file: null, partial: partials('int.csv')[0] },
    });
  });

  it('by SIGTERM ends with 143 and the rows so far, under --json with its record', async () => {
    const run = await interrupted('term.csv', 'SIGTERM', '--json');
    expect(run.code, run.stderr).toBe(143);
    expect(JSON.parse(run.stdout.toString())).toEqual(readJson(join(folder, 'term.csv.run.json')));
    expect(JSON.parse(run.stdout.toString())).toMatchObject({ exitCode: 143, error: null });
    expect(run.stderr).toMatch(
      /Interrupted \(SIGTERM\): [\d,]+ rows are in .+\.\nThe same command with --resume goes on from there\.\n$/,
    );
    expectWholeRows(partials('term.csv')[0] as string);
  });

  it('in a batch that takes long ends at once by a second Ctrl-C', async () => {
    const run = await inLongBatch('twice.csv', 'SIGINT', 'SIGINT');
    expect(run).toMatchObject({ code: 130, signal: 'SIGINT' });
    expectWholeRows(partials('twice.csv')[0] as string);
  });

  it('in a batch that takes long ends by SIGTERM before the batch is through', async () => {
    const run = await inLongBatch('late.csv', 'SIGTERM');
    expect(run).toMatchObject({ code: 143, signal: 'SIGTERM' });
    expectWholeRows(partials('late.csv')[0] as string);
  });

  // The full-size network takes seconds to load.
  it.skipIf(process.platform !== 'linux')('while the model loads ends too, and leaves nothing', async () => {
    const run = start(['classify', 'many', '-m', 'random', '-o', 'early.csv'], { cwd: folder });
    await expect.poll(() => listens(run.child.pid), { timeout: 60_000, interval: 5 }).toBe(true);
    run.child.kill('SIGTERM');
    expect((await run.done).code).toBe(143);
    expect(readdirSync(folder).filter((name) => name.startsWith('early.csv'))).toEqual([]);
  });
});

describe('stdout that is closed', () => {
  it('by | head ends the work early: 0, silently', async () => {
    const whole = await classify(['many', '-k1', '--limit', '1'], { cwd: folder });
    // The status of the program, not that of head.
    const script = '{ "$@"; echo "status $?" >&2; } | head -1';
    const words = ['-c', script, 'sh', process.execPath, PROGRAM, 'classify', 'many', '-m', 'mini', '-k1', '-b8'];
    const run = await startProgram('sh', words, { cwd: folder, input: '' }).done;
    expect(run.stdout.toString()).toBe(`${whole.stdout.toString().split('\n')[0]}\n`);
    expect(run.stderr).toBe('status 0\n');
    // All 50,000 take minutes.
    expect(run.seconds).toBeLessThan(20);
  });
});

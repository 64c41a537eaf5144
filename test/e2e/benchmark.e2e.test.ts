import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Report, Success } from '../../src/services/benchmark/report/report.js';
import { type Result, ROOT, start, vgg16 } from './helpers/program.js';

const PHOTOS = join(ROOT, 'fixtures/images');
const QUICK = ['benchmark', '--model', 'mini', '--runs', '2', '--warm-up', '1', '--batch-size', '16'];

const folder = mkdtempSync(join(tmpdir(), 'vgg16-test-'));
/** Where the program puts its temporary files: empty when it has ended. */
const scratch = join(folder, 'tmp');
mkdirSync(scratch);
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (args: readonly string[]) => vgg16([...QUICK, ...args], { env: { TMPDIR: scratch } });

/** Every number in a value, with where it stands. */
function numbersIn(value: unknown, path = ''): (readonly [string, number])[] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => numbersIn(each, `${path}.${key}`));
}

describe('vgg16 benchmark', () => {
  const file = join(folder, 'all.json');
  let run: Result;
  let report: Report;
  beforeAll(async () => {
    run = await bench(['-o', file]);
    report = JSON.parse(readFileSync(file, 'utf8'));
  });

  it('measures every part', () => {
    expect(run.code).toBe(0);
    expect(report.complete).toBe(true);
    expect(report.results.map(({ part, status }) => `${part} ${status}`)).toEqual([
      'decode ok',
      'preprocess ok',
      'model ok',
      'pipeline ok',
    ]);
  });

  it('gives figures that are finite, positive and agree with each other', () => {
    for (const result of report.results as Success[]) {
      const { failed, ...others } = result;
      const numbers = numbersIn(others, result.part);
      expect(numbers.length).toBeGreaterThan(9);
      expect(numbers.filter(([, value]) => !(Number.isFinite(value) && value > 0))).toEqual([]);
      expect(failed).toBe(0);
      const { images, seconds, imagesPerSecond, batchMs, batchSize } = result;
      expect(imagesPerSecond).toBeCloseTo(images / seconds, 6);
      expect(images).toBeGreaterThanOrEqual(2 * batchSize);
      expect(batchMs.p50).toBeLessThanOrEqual(batchMs.p90);
      expect(batchMs.p90).toBeLessThanOrEqual(batchMs.p99);
      // Of two batches, p50 lies in the middle: the mean, but where the pipeline's batches are of unequal size.
      const ratio = (imagesPerSecond * batchMs.p50) / 1000 / batchSize;
      if (result.part === 'pipeline') expect(ratio).toBeGreaterThan(0.2);
      else expect(ratio).toBeCloseTo(1, 6);
    }
  });

  it('tells start-up and the share of the peak where there is a network, and only there', () => {
    for (const { part, startUp, flops, precision, threads } of report.results as Success[]) {
      const network = part === 'model' || part === 'pipeline';
      expect([startUp, flops, precision, threads].map((value) => value !== null)).toEqual(Array(4).fill(network));
      if (startUp !== null) expect(startUp.firstResult).toBeGreaterThan(startUp.modelReady);
      if (flops !== null) expect(flops.share).toBeCloseTo(flops.achieved / flops.peak, 12);
    }
    const [, , model, pipeline] = report.results as Success[];
    expect(model?.flops?.peak).toBe(pipeline?.flops?.peak);
    expect(model?.flops?.achieved).toBeCloseTo((model?.imagesPerSecond ?? 0) * 2 * report.model.macs, 0);
  });

  it('says what it was measured on', () => {
    expect(report).toMatchObject({
      ...{ v: 1, tool: 'vgg16', command: 'benchmark' },
      model: { name: 'mini', inputSize: 32, classes: 10 },
      settings: { decode: 'exact', warmUp: 1, runs: 2, images: { kind: 'synthetic', count: 8 } },
    });
    expect(report.machine.versions.node).toBe(process.versions.node);
    expect(report.model.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('shows the table beside the file, and leaves nothing behind', () => {
    const table = run.stdout.toString().split('\n\n')[1] ?? '';
    expect(table.split('\n').map((line) => line.split(/\s+/)[0])).toEqual([
      'Part',
      'decode',
      'preprocess',
      'model',
      'pipeline',
      '',
    ]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('does not replace a file unless told so', async () => {
    const again = await bench(['--parts', 'decode', '-o', file]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('exists');
  });

  it('compares results with themselves as equal', async () => {
    const same = await vgg16(['benchmark', 'compare', file, file, '--min-ratio', '1', '--json']);
    expect(same.code).toBe(0);
    const { matches, differences, onlyA, gate, exitCode } = JSON.parse(same.stdout.toString());
    expect(matches).toHaveLength(4);
    expect(numbersIn(matches).filter(([path, value]) => path.endsWith('.ratio') && value !== 1)).toEqual([]);
    expect([differences, onlyA, gate, exitCode]).toEqual([[], [], { minRatio: 1, passed: true, below: [] }, 0]);
  });

  it('fails the gate with 6, with and without --json', async () => {
    const slow = join(folder, 'slow.json');
    const half = (report.results as Success[]).map((result) => ({
      ...result,
      imagesPerSecond: result.imagesPerSecond / 2,
    }));
    writeFileSync(slow, JSON.stringify({ ...report, results: half }));
    for (const extra of [[], ['--json']]) {
      const args = ['benchmark', 'compare', file, slow, ...extra];
      expect((await vgg16([...args, '--min-ratio', '0.51'])).code).toBe(6);
      expect((await vgg16([...args, '--min-ratio', '0.49'])).code).toBe(0);
      expect((await vgg16(args)).code).toBe(0);
    }
    const none = join(folder, 'none.json');
    writeFileSync(none, JSON.stringify({ ...report, results: [] }));
    const empty = await vgg16(['benchmark', 'compare', file, none, '--min-ratio', '0']);
    expect([empty.code, empty.stderr]).toEqual([6, expect.stringContaining('nothing could be compared')]);
  });

  it.each([['mini.safetensors'], ['none.json']])('refuses to compare with %s', async (name) => {
    const other = name === 'none.json' ? join(folder, 'not-there.json') : join(ROOT, 'fixtures/models', name);
    const refused = await vgg16(['benchmark', 'compare', file, other]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`Expected the results of vgg16 benchmark in ${other}`);
  });
});

describe('vgg16 benchmark with flags', () => {
  it('prints CSV, one row a combination, over the images that were given', async () => {
    const run = await bench(['--parts', 'decode,model', '--threads', '1,2', PHOTOS, '--csv', '-q']);
    expect([run.code, run.stderr]).toEqual([0, '']);
    const rows: Record<string, string>[] = parse(run.stdout, { columns: true });
    expect(rows.map(({ part, threads, status }) => `${part} ${threads} ${status}`)).toEqual([
      'decode  ok',
      'model 1 ok',
      'model 2 ok',
    ]);
    for (const row of rows) expect(Number(row.images_per_second)).toBeGreaterThan(0);
  });

  it('makes a row of what cannot be measured, and goes on', async () => {
    const broken = join(folder, 'broken.jpg');
    writeFileSync(broken, 'no image');
    const run = await bench(['--parts', 'decode,model', broken, '--json', '--no-progress']);
    expect(run.code).toBe(3);
    const { results, complete }: Report = JSON.parse(run.stdout.toString());
    expect(complete).toBe(true);
    expect(results.map(({ part, status }) => [part, status])).toEqual([
      ['decode', 'error'],
      ['model', 'ok'],
    ]);
    expect(run.stderr).toContain('decode, batch 64: NO_INPUTS: ');
  });

  it('ends with the code of what went wrong where nothing could be measured', async () => {
    const broken = join(folder, 'broken.jpg');
    const codeOf = async (...args: string[]) => (await vgg16(['benchmark', '--no-progress', ...args])).code;
    expect(await codeOf('--model', 'mini', '--parts', 'decode', '--runs', '1', broken)).toBe(4);
    expect(await codeOf('--model', join(folder, 'none.safetensors'))).toBe(5);
    expect(await codeOf('--model', 'mini', join(folder, 'no-such-folder'))).toBe(4);
  });

  it.each([
    [['--batch-size', '0']],
    [['--threads', '1,,2']],
    [['--precision', 'f64']],
    [['--parts', 'paint']],
    [['--runs', '0']],
    [['--json', '--csv']],
    [['-o', 'results.txt']],
  ])('refuses %j', async (args) => {
    const { code, stderr } = await vgg16(['benchmark', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: Expected /)]);
  });
});

describe.runIf(process.platform === 'linux')('a benchmark that is ended', () => {
  /** One that would go on for hours, once its measuring process is there. */
  const begin = async () => {
    const args = ['benchmark', '--model', 'mini', '--parts', 'decode,model', '--runs', '1000000', '--no-progress'];
    const running = start(args, { env: { TMPDIR: scratch } });
    const pid = running.child.pid as number;
    await vi.waitFor(() => expect(childrenOf(pid)).toHaveLength(1), { timeout: 30_000, interval: 100 });
    return { running, measuring: childrenOf(pid)[0] as number };
  };

  it('by Ctrl-C says how far it came and takes its measuring process along', async () => {
    const { running, measuring } = await begin();
    running.child.kill('SIGINT');
    const { code, stderr } = await running.done;
    expect(code).toBe(130);
    expect(stderr).toContain('Interrupted (SIGINT) after 0 of 2 measurements.');
    expect(existsSync(`/proc/${measuring}`)).toBe(false);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('by SIGKILL leaves no measuring process behind', async () => {
    const { running, measuring } = await begin();
    running.child.kill('SIGKILL');
    await running.done;
    await vi.waitFor(() => expect(existsSync(`/proc/${measuring}`)).toBe(false), { timeout: 30_000, interval: 100 });
  });
});

/** The processes that a process has started. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

/** From `pid (name) state parent …`; undefined for a process that has just ended. */
function parentOf(pid: number): number | undefined {
  try {
    const [, parent] = /\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return Number(parent);
  } catch {
    return undefined;
  }
}

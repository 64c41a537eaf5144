import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openProgress } from '../../src/cli/progress.js';
import type { StreamRun } from '../../src/cli/run-types.js';
import { Interruption } from '../../src/cli/signals.js';
import { streamRun } from '../../src/cli/stream-run.js';
import { modelError } from '../../src/errors.js';
import { vgg16 } from '../../src/model/architecture.js';
import { PRESETS } from '../../src/model/preset.js';
import { openOutput } from '../../src/output/atomic.js';
import { classifyJsonl } from '../../src/output/jsonl.js';
import type { ClassifyRow } from '../../src/output/records.js';
import type { Machine } from '../../src/output/run-record.js';
import type { RunEvent } from '../../src/services/run.js';
import { FAILED, OK } from '../output/rows.js';

let folder: string;
let interruption: Interruption;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-run-'));
  interruption = new Interruption(() => {});
  said = [];
});
afterEach(() => {
  interruption.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const READY: RunEvent<ClassifyRow> = {
  type: 'ready',
  card: {
    name: 'slim',
    architecture: vgg16(2),
    preset: PRESETS.torchvision,
    labels: null,
    license: null,
    source: null,
    accuracy: null,
  },
  modelHash: Promise.resolve('abc'),
  total: 2,
  settings: { batchSize: 4, workers: 4, threads: 2, precision: 'f32' },
};

function rows(...list: ClassifyRow[]): RunEvent<ClassifyRow> {
  const failed = list.filter(({ status }) => status === 'error').length;
  return { type: 'rows', rows: list, counts: { seen: list.length, ok: list.length - failed, failed, skipped: 0 } };
}

async function run(
  events: AsyncIterable<RunEvent<ClassifyRow>>,
  changes: Partial<StreamRun<ClassifyRow>> = {},
): Promise<number> {
  const file = join(folder, 'out.jsonl');
  return streamRun<ClassifyRow>({
    command: 'classify',
    arguments: ['photos/'],
    images: { total: 2, files: (async function* () {})(), digest: () => 'd1' },
    events,
    encoder: () => classifyJsonl({ scores: 'prob' }),
    output: { file, format: 'jsonl', sink: await openOutput(file, { force: false }) },
    maxErrors: { count: 0 },
    stopOnError: false,
    tellFailures: true,
    json: false,
    quiet: false,
    verbose: false,
    progress: await openProgress('none'),
    interruption,
    machine: async () =>
      ({ versions: {}, platform: 'test', cpu: { model: 'test', features: [] } }) as unknown as Machine,
    say: (line) => said.push(line),
    notice: (message) => said.push(message),
    ...changes,
  });
}

async function* stream(...events: RunEvent<ClassifyRow>[]): AsyncGenerator<RunEvent<ClassifyRow>> {
  yield* events;
}

const record = () => JSON.parse(readFileSync(join(folder, 'out.jsonl.run.json'), 'utf8'));

describe('streamRun', () => {
  it('publishes the rows and their record, and says how it went', async () => {
    expect(await run(stream(READY, rows(OK, { ...OK, index: 13 })))).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['out.jsonl', 'out.jsonl.run.json']);
    expect(record()).toMatchObject({
      v: 1,
      tool: 'vgg16',
      command: 'classify',
      arguments: ['photos/'],
      model: { name: 'slim', sha256: 'abc', preset: 'torchvision', classes: 2 },
      settings: { batchSize: 4 },
      output: { file: join(folder, 'out.jsonl'), partial: null, format: 'jsonl' },
      counts: { seen: 2, ok: 2, failed: 0, skipped: 0 },
      inputs: { total: 2, sha256: 'd1' },
      exitCode: 0,
      error: null,
    });
    expect(said).toEqual([expect.stringMatching(/^2 images in .* img\/s\) → .*out\.jsonl$/)]);
  });

  it('ends with 3 when images failed, 0 within the allowance; the failures are named', async () => {
    expect(await run(stream(READY, rows(OK, FAILED)))).toBe(3);
    expect(said[0]).toBe('x\\n"y",\\e[31mz.jpg: DECODE_FAILED: Expected a whole JPEG but it is cut off.');
    rmSync(join(folder, 'out.jsonl'));
    expect(await run(stream(READY, rows(OK, FAILED)), { maxErrors: { percent: 50 } })).toBe(0);
    expect(record()).toMatchObject({ exitCode: 0, counts: { failed: 1 } });
  });

  it('names ten failed images, then says that there are more', async () => {
    await run(stream(READY, rows(...Array.from({ length: 30 }, () => FAILED))));
    expect(said.filter((line) => line.includes('DECODE_FAILED'))).toHaveLength(10);
    expect(said).toContain('More images failed: see the output.');
  });

  it('keeps the rows that were done when the run breaks, with a record of what happened', async () => {
    async function* breaks(): AsyncGenerator<RunEvent<ClassifyRow>> {
      yield READY;
      yield rows(OK);
      throw new Error('the thread died');
    }
    await expect(run(breaks())).rejects.toMatchObject({ code: 'INTERNAL', exitCode: 1 });
    const [partial] = readdirSync(folder).filter((name) => name.endsWith('.partial'));
    expect(
      readFileSync(join(folder, partial ?? ''), 'utf8')
        .trimEnd()
        .split('\n'),
    ).toHaveLength(1);
    expect(readdirSync(folder)).not.toContain('out.jsonl');
    expect(record()).toMatchObject({ exitCode: 1, output: { file: null }, error: { code: 'INTERNAL' } });
    expect(said).toEqual([expect.stringContaining(partial ?? '')]);
  });

  it('leaves no file when the model cannot be opened', async () => {
    // biome-ignore lint/correctness/useYield: it fails before the first event
    async function* fails(): AsyncGenerator<RunEvent<ClassifyRow>> {
      throw modelError('Expected a VGG-16.');
    }
    await expect(run(fails())).rejects.toMatchObject({ exitCode: 5 });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('stops at the first failed image when asked to: exit 3, the rows stay', async () => {
    await expect(run(stream(READY, rows(OK, FAILED)), { stopOnError: true })).rejects.toMatchObject({
      code: 'TOO_MANY_ERRORS',
      exitCode: 3,
    });
    expect(readdirSync(folder).some((name) => name.endsWith('.partial'))).toBe(true);
  });

  it('after SIGTERM ends by its deadline although the service does not, with 143 and the rows so far', async () => {
    async function* hangs(): AsyncGenerator<RunEvent<ClassifyRow>> {
      yield READY;
      yield rows(OK);
      process.emit('SIGTERM');
      await new Promise(() => {});
    }
    expect(await run(hangs(), { tellFailures: false })).toBe(143);
    expect(record()).toMatchObject({ exitCode: 143, counts: { seen: 1 }, output: { file: null } });
    expect(said).toEqual([expect.stringMatching(/^Interrupted \(SIGTERM\): 1 row is in .*\.partial\.$/)]);
  });

  it('computes nothing more once nobody reads: silently, 0', async () => {
    let computed = 0;
    async function* many(): AsyncGenerator<RunEvent<ClassifyRow>> {
      yield READY;
      for (; computed < 1000; computed += 1) yield rows(OK);
    }
    const closed = {
      isFile: false,
      write: async () => interruption.stop(),
      finish: async () => {},
      abandon: async () => undefined,
    };
    expect(await run(many(), { output: { file: '-', format: 'jsonl', sink: closed } })).toBe(0);
    expect(computed).toBeLessThan(3);
    expect(said).toEqual([]);
  });
});

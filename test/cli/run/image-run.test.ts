import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunOutput } from '../../../src/cli/output/run-output.js';
import { type ImageRunFlags, type OpenRun, streamRows } from '../../../src/cli/run/image-run.js';
import { Interruption } from '../../../src/cli/run/signals.js';
import { openProgress } from '../../../src/cli/terminal/progress.js';
import { styleOf } from '../../../src/cli/terminal/style.js';
import { modelError } from '../../../src/errors.js';
import { PassedOver } from '../../../src/images/list/passed-over.js';
import { vgg16 } from '../../../src/network/architecture.js';
import { PRESETS } from '../../../src/network/preset.js';
import { classifyJsonl } from '../../../src/output/rows/jsonl.js';
import type { ClassifiedRow, FailedRow } from '../../../src/output/rows/records.js';
import { readJournal } from '../../../src/output/store/journal.js';
import { textLayout } from '../../../src/output/store/layout.js';
import { lazyWriter, type RowWriter, storeWriter } from '../../../src/output/store/row-writer.js';
import { Store } from '../../../src/output/store/store.js';
import type { RunEvent } from '../../../src/services/pipeline/run.js';
import { FAILED, OK } from '../../output/rows/rows.js';

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

const READY: RunEvent<ClassifiedRow> = {
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
  settings: { batchSize: 4, workers: 4, threads: 2, precision: 'f32', chosen: {} },
};

function rows(...list: (ClassifiedRow | FailedRow)[]): RunEvent<ClassifiedRow> {
  const failed = list.filter(({ status }) => status === 'error').length;
  return { type: 'rows', rows: list, counts: { seen: list.length, ok: list.length - failed, failed, skipped: 0 } };
}

/** As of a run over two images. */
const LIST = 'd2';
const IMAGES = { digest: () => 'd1', listDigest: () => LIST, passedOver: new PassedOver() };

/** JSON lines in a file of the test's folder, begun with the first row. */
function fileOutput(changes: Partial<RunOutput<ClassifiedRow>> = {}): RunOutput<ClassifiedRow> {
  const file = join(folder, 'out.jsonl');
  const encoder = classifyJsonl({ scores: 'prob' });
  return {
    file,
    format: 'jsonl',
    record: `${file}.run.json`,
    open: async () => {
      const shard = { index: 1, count: 1 };
      const options = { layout: textLayout(file, 'jsonl'), settings: {}, shard, head: '', replace: false };
      return lazyWriter(async () =>
        storeWriter(new Store(options), { encode: (row) => ({ text: encoder.encode([row]), arrays: [] }) }),
      );
    },
    close: async () => [],
    ...changes,
  };
}

/** Where rows go that nobody keeps. */
function writerOf(changes: Partial<RowWriter<ClassifiedRow | FailedRow>>): RunOutput<ClassifiedRow>['open'] {
  return async () => ({
    write: async () => {},
    finish: async () => true,
    abandon: async () => undefined,
    ...changes,
  });
}

/** The flags of a command that nobody has typed any for. */
const FLAGS: ImageRunFlags = {
  model: 'mini',
  output: '-',
  recursive: true,
  ext: ['jpg'],
  'follow-symlinks': false,
  'auto-orient': true,
  decode: 'exact',
  'batch-size': 'auto',
  workers: 'auto',
  threads: 'auto',
  precision: 'f32',
  'max-pixels': 1e6,
  'on-error': 'skip',
  'max-errors': { count: 0 },
};

interface Changes {
  readonly flags?: Partial<ImageRunFlags>;
  readonly onTerminal?: boolean;
  readonly output?: RunOutput<ClassifiedRow>;
  readonly images?: OpenRun<ClassifiedRow>['images'];
}

async function run(
  events: AsyncIterable<RunEvent<ClassifiedRow>>,
  { flags = {}, onTerminal = false, output = fileOutput(), images = IMAGES }: Changes = {},
): Promise<number> {
  const context = {
    arguments: ['photos/'],
    cacheDir: folder,
    style: styleOf(false),
    say: (line: string) => said.push(line),
    notice: (message: string) => said.push(message),
  };
  return streamRows<ClassifiedRow>(
    {
      command: 'classify',
      inputs: ['photos/'],
      flags: { ...FLAGS, ...flags },
      context,
      onTerminal,
      output: async () => output,
      events: () => events,
    },
    { images, output, events, progress: await openProgress('none'), interruption },
  );
}

async function* stream(...events: RunEvent<ClassifiedRow>[]): AsyncGenerator<RunEvent<ClassifiedRow>> {
  yield* events;
}

const record = () => JSON.parse(readFileSync(join(folder, 'out.jsonl.run.json'), 'utf8'));

describe('streamRows', () => {
  it('publishes the rows and their record, and says how it went', async () => {
    expect(await run(stream(READY, rows(OK, { ...OK, index: 13 })))).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['out.jsonl', 'out.jsonl.journal', 'out.jsonl.run.json']);
    expect((await readJournal(join(folder, 'out.jsonl.journal')))?.end).toEqual({ rows: 2, failed: 0, list: LIST });
    expect(record()).toMatchObject({
      v: 1,
      tool: 'vgg16',
      command: 'classify',
      arguments: ['photos/'],
      model: { name: 'slim', sha256: 'abc', preset: 'torchvision', classes: 2 },
      settings: { batchSize: 4 },
      output: { file: join(folder, 'out.jsonl'), partial: null, format: 'jsonl' },
      counts: { seen: 2, ok: 2, failed: 0, skipped: 0 },
      inputs: { total: 2, sha256: 'd1', passedOver: { others: 0, links: 0, hidden: 0, excluded: 0 } },
      exitCode: 0,
      error: null,
    });
    expect(said).toEqual([expect.stringMatching(/^2 images in .* img\/s\) → .*out\.jsonl$/)]);
  });

  it('says once what was passed over, and keeps it in the record', async () => {
    const passedOver = new PassedOver();
    passedOver.addOther('a.heic');
    passedOver.links = 2;
    const images = { digest: () => 'd1', listDigest: () => LIST, passedOver };
    await run(stream(READY, rows(OK), rows(OK)), { images });
    expect(said[0]).toBe('1 file with another extension (1 .heic), 2 links passed over.');
    expect(said).toHaveLength(2);
    expect(record().inputs.passedOver).toEqual({ others: 1, links: 2, hidden: 0, excluded: 0 });
    rmSync(join(folder, 'out.jsonl'));
    await run(stream(READY, rows(OK)), { images, flags: { quiet: true } });
    expect(said).toHaveLength(2);
  });

  it('ends with 3 when images failed, 0 within the allowance; the failures are named', async () => {
    expect(await run(stream(READY, rows(OK, FAILED)))).toBe(3);
    expect(said[0]).toBe('x\\n"y",\\e[31mz.jpg: DECODE_FAILED: Expected a whole JPEG but it is cut off.');
    rmSync(join(folder, 'out.jsonl'));
    expect(await run(stream(READY, rows(OK, FAILED)), { flags: { 'max-errors': { percent: 50 } } })).toBe(0);
    expect(record()).toMatchObject({ exitCode: 0, counts: { failed: 1 } });
  });

  it('names ten failed images, then says that there are more', async () => {
    await run(stream(READY, rows(...Array.from({ length: 30 }, () => FAILED))));
    expect(said.filter((line) => line.includes('DECODE_FAILED'))).toHaveLength(10);
    expect(said).toContain('More images failed: see the output.');
  });

  it('keeps the rows that were done when the run breaks, with a record of what happened', async () => {
    async function* breaks(): AsyncGenerator<RunEvent<ClassifiedRow>> {
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
    expect(said).toEqual([
      `The rows that were done are in ${join(folder, partial ?? '')}; the same command with --resume goes on from there.`,
    ]);
  });

  it('leaves no file when the model cannot be opened', async () => {
    // biome-ignore lint/correctness/useYield: it fails before the first event
    async function* fails(): AsyncGenerator<RunEvent<ClassifiedRow>> {
      throw modelError('Expected a VGG-16.');
    }
    await expect(run(fails())).rejects.toMatchObject({ exitCode: 5 });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('stops at the first failed image when asked to: exit 3, the rows stay', async () => {
    await expect(run(stream(READY, rows(OK, FAILED)), { flags: { 'on-error': 'fail' } })).rejects.toMatchObject({
      code: 'TOO_MANY_ERRORS',
      exitCode: 3,
    });
    expect(readdirSync(folder).some((name) => name.endsWith('.partial'))).toBe(true);
  });

  it('after SIGTERM ends by its deadline although the service does not, with 143 and the rows so far', async () => {
    async function* hangs(): AsyncGenerator<RunEvent<ClassifiedRow>> {
      yield READY;
      yield rows(OK);
      process.emit('SIGTERM');
      await new Promise(() => {});
    }
    expect(await run(hangs(), { onTerminal: true })).toBe(143);
    expect(record()).toMatchObject({ exitCode: 143, counts: { seen: 1 }, output: { file: null } });
    expect(said).toEqual([
      expect.stringMatching(
        /^Interrupted \(SIGTERM\): 1 row is in .*\.partial\.\nThe same command with --resume goes on from there\.$/,
      ),
    ]);
  });

  it('computes nothing more once nobody reads: silently, 0', async () => {
    let computed = 0;
    async function* many(): AsyncGenerator<RunEvent<ClassifiedRow>> {
      yield READY;
      for (; computed < 1000; computed += 1) yield rows(OK);
    }
    const { record: _, ...output } = fileOutput({
      file: '-',
      open: writerOf({ write: async () => interruption.stop() }),
    });
    expect(await run(many(), { output })).toBe(0);
    expect(computed).toBeLessThan(3);
    expect(said).toEqual([]);
  });

  it('creates no file of its own before there is a row', async () => {
    const found: string[][] = [];
    async function* slow(): AsyncGenerator<RunEvent<ClassifiedRow>> {
      yield READY;
      found.push(readdirSync(folder));
      yield rows(OK);
      found.push(readdirSync(folder).sort());
    }
    expect(await run(slow())).toBe(0);
    const own = expect.stringMatching(/^out\.jsonl\.[0-9a-f]{8}\.(?:journal|partial)$/);
    expect(found).toEqual([[], [own, own]]);
  });

  it('gives the list of all inputs to the output, and passes on what there is to know at its end', async () => {
    const finish = vi.fn(async () => true);
    const close = vi.fn(async () => ['1 image is no longer there.']);
    const output = fileOutput({ open: writerOf({ finish }), close });
    expect(await run(stream(READY, rows(OK)), { output })).toBe(0);
    expect(finish).toHaveBeenCalledExactlyOnceWith(LIST);
    expect(close).toHaveBeenCalledExactlyOnceWith({ complete: true });
    expect(said[0]).toBe('1 image is no longer there.');
    said = [];
    expect(await run(stream(READY, rows(OK)), { output, flags: { quiet: true } })).toBe(0);
    expect(said).toEqual([]);
  });

  it('ends what was begun when the model cannot be used, too', async () => {
    const close = vi.fn(async () => []);
    // biome-ignore lint/correctness/useYield: it fails before the first event
    async function* fails(): AsyncGenerator<RunEvent<ClassifiedRow>> {
      throw modelError('Expected a VGG-16.');
    }
    await expect(run(fails(), { output: fileOutput({ close }) })).rejects.toMatchObject({ exitCode: 5 });
    expect(close).toHaveBeenCalledExactlyOnceWith({ complete: false });
  });

  it('has nothing to do where the output is there: the record of the run that made it stays, failures count', async () => {
    const output = fileOutput({ open: writerOf({ finish: async () => false }) });
    writeFileSync(output.record ?? '', 'of the run before');
    expect(await run(stream(READY, rows(OK, FAILED)), { output, onTerminal: true })).toBe(3);
    expect(readFileSync(output.record ?? '', 'utf8')).toBe('of the run before');
    expect(said).toEqual([`Nothing to do: ${output.file} is complete (2 images, 1 failed).`]);
    rmSync(output.record ?? '');
    expect(await run(stream(READY, rows(OK)), { output })).toBe(0);
    expect(record()).toMatchObject({ exitCode: 0, output: { file: output.file } });
  });

  it('tells rows of an earlier run from those that were computed', async () => {
    const taken: RunEvent<ClassifiedRow> = {
      type: 'rows',
      rows: [OK, OK],
      counts: { seen: 2, ok: 2, failed: 0, skipped: 1 },
    };
    expect(await run(stream(READY, taken), { output: fileOutput({ open: writerOf({}) }) })).toBe(0);
    expect(said).toEqual([expect.stringMatching(/^2 images in .* img\/s\), 1 from an earlier run → .*out\.jsonl$/)]);
    expect(record()).toMatchObject({ counts: { seen: 2, skipped: 1 } });
  });
});

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileOutput } from '../../../src/cli/output/file.js';
import type { Ready } from '../../../src/cli/output/run-output.js';
import type { ContinuationFlags } from '../../../src/cli/output/stored.js';
import { vgg16 } from '../../../src/network/architecture.js';
import { PRESETS } from '../../../src/network/preset.js';
import type { RowBase } from '../../../src/output/rows/records.js';
import { readJournal } from '../../../src/output/store/journal.js';
import { textLayout } from '../../../src/output/store/layout.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-file-output-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const READY: Ready = {
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

type Row = RowBase & { readonly status: 'ok' };

function outputOf(flags: ContinuationFlags, shard?: { readonly index: number; readonly count: number }) {
  const file = join(folder, 'out.csv');
  return fileOutput<Row>({
    file,
    format: 'csv',
    flags,
    shard,
    formatFor: () => ({
      layout: textLayout(file, 'csv'),
      head: 'path\n',
      encode: ({ path }) => ({ text: `${path}\n`, arrays: [] }),
    }),
    settings: ({ modelHash, settings }) => ({ model: modelHash, precision: settings.precision }),
  });
}

const rowOf = (n: number): Row => ({ path: `${n}.jpg`, index: n, identity: `${n}:1`, status: 'ok' });

const identity = { card: READY.card, modelHash: 'abc', settings: READY.settings };

describe('fileOutput', () => {
  it('makes no file before the first row, and settings of what was decided', async () => {
    const output = outputOf({}, { index: 2, count: 3 });
    expect(output.earlier).toBeUndefined();
    expect(output.record).toBe(join(folder, 'out.csv.run.json'));
    const writer = await output.open(READY);
    expect(readdirSync(folder)).toEqual([]);
    await writer.write([rowOf(0)]);
    expect(await writer.finish('list')).toBe(true);
    expect(await output.close({ complete: true })).toEqual([]);
    expect((await readJournal(join(folder, 'out.csv.journal')))?.header).toMatchObject({
      settings: { model: 'abc', precision: 'f32', shard: '2/3' },
      shard: { index: 2, count: 3 },
    });
  });

  it('takes rows over with --resume, and tells of those that are not asked for any more', async () => {
    const first = await outputOf({}).open(READY);
    await first.write([rowOf(0), rowOf(1), rowOf(2)]);
    await first.finish('list');
    const output = outputOf({ resume: true });
    const earlier = await output.earlier?.(identity);
    const kept = earlier?.take('1.jpg', '1:1');
    expect(kept?.entry).toMatchObject({ path: '1.jpg', index: 1 });
    expect(earlier?.take('2.jpg', '2:7')).toBeUndefined();
    const writer = await output.open(READY);
    await writer.write([{ ...rowOf(1), index: 0, kept: kept as NonNullable<typeof kept> }]);
    await writer.finish('list');
    expect(await output.close({ complete: true })).toEqual([
      '1 image of the earlier run is no longer among the inputs and left out: 0.jpg.',
    ]);
  });

  it('tells nothing of images of before when the run did not come to its end', async () => {
    const first = await outputOf({}).open(READY);
    await first.write([rowOf(0)]);
    await first.finish('list');
    const output = outputOf({ 'retry-failed': true });
    await output.earlier?.(identity);
    expect(await output.close({ complete: false })).toEqual([]);
  });

  it('refuses to replace an output before anything is written', async () => {
    writeFileSync(join(folder, 'out.csv'), 'mine\n');
    await expect(outputOf({}).open(READY)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await expect(outputOf({ resume: true }).earlier?.(identity)).rejects.toMatchObject({ code: 'USAGE' });
    expect(readdirSync(folder)).toEqual(['out.csv']);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { int8Layers } from '../../src/formats/safetensors/int8.js';
import { cpuFeatures, hasInt8 } from '../../src/machine/cpu.js';
import { openModel } from '../../src/models/open.js';
import { ActivationHistogram } from '../../src/models/quantize/calibration.js';
import { writeQuantizedFile } from '../../src/models/quantize/write.js';
import type { Model } from '../../src/network/card.js';
import type { Arithmetic } from '../../src/network/precision.js';
import { realData } from '../data.js';
import { batchOf } from '../engine/reference.js';

configureTensorFlow({ threads: 2 });

/** What ships with the tool has to stay small. */
const MAX_BYTES = 5e6;
/** Images a run; any divisor of 5,000. */
const BATCH = 250;

const ARCHIVE = realData('data/cifar10-train.tar.gz');
const openMini = () => openModel('mini', { seed: 0, cacheDir: tmpdir() });

describe('mini', () => {
  it('ships in 5 MB with labels, licence, source and at least 86 % accuracy on its card', async () => {
    const { card, file } = await openMini();
    expect(statSync(file?.path ?? '').size).toBeLessThanOrEqual(MAX_BYTES);
    expect(card.labels).toEqual(
      ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'], // sorted
    );
    expect(card.license).toBe('MIT');
    expect(card.source).toContain('CIFAR-10');
    expect(card.accuracy?.top1).toBeGreaterThanOrEqual(86);
  });
});

/** An image of the archive: its class and its pixels, 32 x 32 x 3 bytes. */
interface HeldOut {
  readonly label: string;
  readonly pixels: Uint8Array;
}

/** The images that scripts/train_mini.py never trains on: every tenth of each class, sorted by name. */
const HELD_OUT = { every: 10, from: 0 };

/** Some that it does train on. */
const CALIBRATION = { every: 200, from: 1 };

async function imagesOf(archive: string, { every, from }: typeof HELD_OUT): Promise<readonly HeldOut[]> {
  const listing = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const files = listing.split('\n').filter((name) => name.endsWith('.jpg'));
  const names = [...new Set(files.map(labelOf))].flatMap((label) =>
    files
      .filter((name) => labelOf(name) === label)
      .sort()
      .filter((_, position) => position % every === from),
  );
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-test-'));
  try {
    writeFileSync(join(folder, 'names'), names.join('\n'));
    execFileSync('tar', ['-xzf', archive, '-C', folder, '-T', join(folder, 'names')]);
    return await Promise.all(
      names.map(async (name) => ({
        label: labelOf(name),
        pixels: await sharp(join(folder, name)).removeAlpha().toColourspace('srgb').raw().toBuffer(),
      })),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** train/<class>/<file> */
const labelOf = (name: string): string => name.split('/')[1] ?? '';

describe.skipIf(ARCHIVE === undefined)('mini on its 5,000 held-out images', () => {
  let model: Model;
  let images: readonly HeldOut[];
  const guesses: Partial<Record<Arithmetic, readonly string[]>> = {};
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-int8-'));

  /** The best class of every image. */
  async function classify(precision: Arithmetic, of = model): Promise<readonly string[]> {
    const session = await Session.open({ model: of, precision, outputs: [{ kind: 'top_k', k: 1 }] });
    const labels: string[] = [];
    for (let start = 0; start < images.length; start += BATCH) {
      const part = images.slice(start, start + BATCH).map(({ pixels }) => pixels);
      const best = session.run(batchOf(part), part.length)['top_k/classes']?.data ?? [];
      for (const index of best) labels.push(model.card.labels?.[index] ?? '');
    }
    session.close();
    return labels;
  }

  /** The model in int8, its ranges by the least squared error over 250 images that it was trained with. */
  async function quantized(): Promise<Model> {
    const layers = int8Layers(model.card.architecture);
    const outputs = layers.map((layer) => ({ kind: 'layer', layer }) as const);
    const session = await Session.open({ model, precision: 'f32', outputs });
    const images = await imagesOf(ARCHIVE ?? '', CALIBRATION);
    expect(images.length).toBe(BATCH);
    const found = session.run(batchOf(images.map(({ pixels }) => pixels)), BATCH);
    session.close();
    const ranges = layers.map((layer) => {
      const histogram = new ActivationHistogram();
      histogram.add(found[layer]?.data as Float32Array);
      return [layer, histogram.range('mse')] as const;
    });
    const path = join(folder, 'mini-int8.safetensors');
    const record = { ranges: Object.fromEntries(ranges), method: 'mse', images: BATCH };
    await writeQuantizedFile(model, model.card, path, record);
    return await openModel(path, { seed: 0, cacheDir: folder });
  }

  const percent = (count: number) => (100 * count) / images.length;

  beforeAll(async () => {
    model = await openMini();
    images = await imagesOf(ARCHIVE ?? '', HELD_OUT);
    guesses.f32 = await classify('f32');
    guesses.bf16 = await classify('bf16');
    const int8 = await quantized();
    guesses['int8-simulated'] = await classify('int8-simulated', int8);
    if (hasInt8(cpuFeatures())) guesses.int8 = await classify('int8', int8);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it('finds 5,000 images of 32 x 32 pixels, 500 of each class', () => {
    expect(images.length).toBe(5000);
    for (const label of model.card.labels ?? []) {
      expect(images.filter((image) => image.label === label).length, label).toBe(500);
    }
    expect(images.every(({ pixels }) => pixels.length === 32 * 32 * 3)).toBe(true);
  });

  it("is as accurate as its card says, to 5 images' rounding", () => {
    const right = images.filter(({ label }, i) => guesses.f32?.[i] === label).length;
    expect(Math.abs(percent(right) - (model.card.accuracy?.top1 ?? 0))).toBeLessThanOrEqual(0.1);
  });

  it('gives the same best class at bf16 as at f32 on at least 99 %', () => {
    const same = guesses.f32?.filter((label, i) => guesses.bf16?.[i] === label).length ?? 0;
    expect(percent(same)).toBeGreaterThanOrEqual(99);
  });

  it.each(['int8-simulated', ...(hasInt8(cpuFeatures()) ? (['int8'] as const) : [])] as const)(
    'is at most half a point less accurate in %s',
    (arithmetic) => {
      const right = (of: readonly string[] = []) => percent(images.filter(({ label }, i) => of[i] === label).length);
      expect(right(guesses[arithmetic])).toBeGreaterThanOrEqual(right(guesses.f32) - 0.5);
      const same = guesses.f32?.filter((label, i) => guesses[arithmetic]?.[i] === label).length ?? 0;
      expect(percent(same)).toBeGreaterThanOrEqual(98.5);
    },
  );
});

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outputs, Session } from '../../../src/engine/session.js';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { int8Layers } from '../../../src/formats/safetensors/int8.js';
import { openModel } from '../../../src/models/open.js';
import { writeQuantizedFile } from '../../../src/models/quantize/write.js';
import type { Model } from '../../../src/network/card.js';
import type { Arithmetic } from '../../../src/network/precision.js';
import { batchOf, output, testImages } from '../../engine/reference.js';

configureTensorFlow({ threads: 2 });

/**
 * Processors with AVX2 only add two products of bytes in 16 bits, which overflows above 2 x 127 x 127 (that is why they get no
 * --precision int8). With bytes up to 127 they compute what VNNI and AMX compute: dark images, and ranges of twice the maximum.
 */
const HALF = 2;

const IMAGES = 4;

describe.each(['torchvision', 'caffe'] as const)('int8, preset %s', (preset) => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-int8-'));
  const file = join(folder, 'int8.safetensors');
  let original: Model;
  let quantized: Model;
  let layers: readonly string[];
  let pixels: ArrayBuffer;
  const ranges: Record<string, number> = {};
  const found: Partial<Record<Arithmetic, Outputs>> = {};

  async function run(model: Model, precision: Arithmetic): Promise<Outputs> {
    const requests = [...layers, 'pool1', 'pool5', 'fc8'].map((layer) => ({ kind: 'layer', layer }) as const);
    const session = await Session.open({ model, precision, outputs: [...requests, { kind: 'top_k', k: 3 }] });
    try {
      return session.run(pixels.slice(0), IMAGES);
    } finally {
      session.close();
    }
  }

  beforeAll(async () => {
    const open = { seed: 0, cacheDir: folder };
    const mini = await openModel('mini', open);
    // The weights do not care what the images mean; only BGR, std and mean must be right in both.
    const caffe = {
      ...mini.card.preset,
      channels: 'BGR',
      divisor: 1,
      mean: [103.939, 116.779, 123.68],
      std: [64, 60, 58],
    } as const;
    original = preset === 'caffe' ? { ...mini, card: { ...mini.card, preset: caffe } } : mini;
    layers = int8Layers(original.card.architecture);
    const images = testImages(32, 7);
    pixels = batchOf(images.map((image) => image.map((byte) => byte / HALF)));
    found.f32 = await run(original, 'f32');
    for (const layer of layers) ranges[layer] = HALF * of('f32', layer).reduce((a, b) => Math.max(a, b), 0);
    await writeQuantizedFile(original, original.card, file, { ranges, method: 'max', images: IMAGES });
    quantized = await openModel(file, open);
    found['int8-simulated'] = await run(quantized, 'int8-simulated');
    found.int8 = await run(quantized, 'int8');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const of = (arithmetic: Arithmetic, layer: string) =>
    output(found[arithmetic] as Outputs, layer).data as Float32Array;

  /** |Δ| between two arithmetics in steps of a layer's activations. */
  function steps(layer: string, a: Arithmetic, b: Arithmetic): Float64Array {
    const step = (ranges[layer] as number) / 255;
    const other = of(b, layer);
    return Float64Array.from(of(a, layer), (value, i) => Math.abs(value - (other[i] as number)) / step);
  }
  const mean = (values: Float64Array) => values.reduce((sum, each) => sum + each, 0) / values.length;

  it("TensorFlow's quantised kernels give in every layer what float32 gives, rounded as they round", () => {
    for (const layer of layers) {
      const off = steps(layer, 'int8', 'int8-simulated');
      expect(
        of('int8', layer).some((value) => value > 0),
        layer,
      ).toBe(true);
      // A sum that falls on the other side of a half moves one step, and what follows with it.
      expect(Math.max(...off), layer).toBeLessThanOrEqual(layer === 'conv1_1' ? 1.001 : 6);
      expect(mean(off), layer).toBeLessThan(0.35);
    }
  });

  it('gives activations of whole steps', () => {
    for (const layer of layers) {
      const step = (ranges[layer] as number) / 255;
      const off = of('int8', layer).map((value) => Math.abs(value / step - Math.round(value / step)));
      expect(Math.max(...off), layer).toBeLessThan(1e-3);
    }
  });

  it('is near float32 in fc7, and so in the logits and the best class', () => {
    const [a, b] = [of('f32', 'fc7'), of('int8', 'fc7')];
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.995);
    expect(output(found.int8 as Outputs, 'top_k/classes').shape).toEqual([IMAGES, 3]);
    const largest = Math.max(...of('f32', 'fc8').map(Math.abs));
    const logits = of('int8', 'fc8');
    expect(Math.max(...of('f32', 'fc8').map((x, i) => Math.abs(x - (logits[i] as number)))) / largest).toBeLessThan(
      0.1,
    );
  });

  it('gives an image the same bits alone and in a batch', async () => {
    const session = await Session.open({
      model: quantized,
      precision: 'int8',
      outputs: [{ kind: 'layer', layer: 'fc8' }],
    });
    const size = pixels.byteLength / IMAGES;
    for (const i of [0, IMAGES - 1]) {
      const alone = output(session.run(pixels.slice(i * size, (i + 1) * size), 1), 'fc8').data;
      const classes = alone.length;
      expect(alone).toEqual(of('int8', 'fc8').slice(i * classes, (i + 1) * classes));
    }
    session.close();
  });

  it('reads back as float32 weights that are at most half a step from the original', async () => {
    const outputs = await run(quantized, 'f32');
    const [a, b] = [of('f32', 'conv1_1'), output(outputs, 'conv1_1').data as Float32Array];
    const largest = a.reduce((x, y) => Math.max(x, y), 0);
    expect(Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number)))) / largest).toBeLessThan(0.02);
    expect(statSync(file).size).toBeLessThan(0.6 * (original.file?.bytes ?? 0)); // mini's own is of 16 bits
  });

  it('refuses what comes before a ReLU, which int8 never has', async () => {
    const outputs = [{ kind: 'layer', layer: 'conv3_1', activation: 'pre' }] as const;
    await expect(Session.open({ model: quantized, precision: 'int8', outputs })).rejects.toThrow(
      'Expected int8 activations after the ReLU but received a request for conv3_1 before it',
    );
  });

  it('refuses a model without ranges and says what to type', async () => {
    const outputs = [{ kind: 'top_k', k: 1 }] as const;
    await expect(Session.open({ model: original, precision: 'int8', outputs })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      hint: expect.stringContaining('vgg16 model quantize mini, with images to calibrate it by'),
    });
  });
});

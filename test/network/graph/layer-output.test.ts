/** What a request makes of a layer, against PyTorch's and NumPy's own; expected values by make_layers.py. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OutputArray, type Outputs, Session } from '../../../src/engine/session.js';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { layersOf } from '../../../src/network/architecture.js';
import type { Model } from '../../../src/network/card.js';
import { outputSpecOf } from '../../../src/network/layer-names.js';
import type { LayerOutput, OutputRequest } from '../../../src/network/output-request.js';
import type { Precision } from '../../../src/network/precision.js';
import {
  batchOf,
  imageOf,
  output,
  randomModel,
  readReference,
  relativeError,
  sameBits,
  testImages,
} from '../../engine/reference.js';
import { toHalf, ulps } from '../../formats/half.js';

// Three, because TensorFlow splits a long sum among three threads in another order than on one or two.
configureTensorFlow({ threads: 3 });

/** max |difference| over the largest magnitude; PyTorch's own float32 is up to 1.1e-6 from float64 (make_layers.py). */
const TOLERANCE = 1e-5;

const reference = readReference('layers-slim');
const { architecture, preset, seed, imageSeed } = reference;
const images = testImages(architecture.inputSize, imageSeed);
const model = randomModel(architecture, preset, seed);

/** LAYER/ACTIVATION/POOL/NORMALIZE/DTYPE, as make_layers.py names a request. */
function requestOf(name: string): Required<LayerOutput> {
  const [layer, activation, pool, normalize, dtype] = name.split('/') as [string, ...string[]];
  return { kind: 'layer', layer, activation, pool, normalize, dtype } as Required<LayerOutput>;
}

interface RunOptions {
  readonly of?: Model;
  readonly precision?: Precision;
}

/** The answers to requests of one run over all images. */
async function run(
  outputs: readonly OutputRequest[],
  { of = model, precision = 'f32' }: RunOptions = {},
): Promise<Outputs> {
  const session = await Session.open({ model: of, precision, outputs });
  try {
    return session.run(batchOf(images), images.length);
  } finally {
    session.close();
  }
}

/** The answers to all the requests of the reference: those for different layers in one run. */
async function answers(): Promise<Readonly<Record<string, OutputArray>>> {
  const waiting = new Set([...Object.keys(reference.layers), ...Object.keys(reference.halves)]);
  const found: Record<string, OutputArray> = {};
  while (waiting.size > 0) {
    const names = new Map([...waiting].reverse().map((name) => [requestOf(name).layer, name]));
    const outputs = await run([...names.values()].map(requestOf));
    for (const [layer, name] of names) {
      found[name] = output(outputs, layer);
      waiting.delete(name);
    }
  }
  return found;
}

describe('a request equals PyTorch', () => {
  let found: Readonly<Record<string, OutputArray>>;
  beforeAll(async () => {
    found = await answers();
  });

  it.each(Object.keys(reference.layers))('%s', (name) => {
    const expected = reference.layers[name];
    const { shape, data } = output(found, name);
    if (expected === undefined) throw new Error(`Expected values for ${name}.`);
    expect(shape).toEqual([images.length, ...outputSpecOf(architecture, requestOf(name)).shape]);
    expect(data).toBeInstanceOf(Float32Array);
    expect(expected.values.length).toBe(Math.ceil(data.length / expected.stride));
    expect(expected.values.some((value) => value !== 0)).toBe(true);
    expect(relativeError(data, expected)).toBeLessThanOrEqual(TOLERANCE);
  });

  it.each(Object.keys(reference.halves))('%s, within one step of float16', (name) => {
    const expected = reference.halves[name];
    const { shape, data } = output(found, name);
    if (expected === undefined) throw new Error(`Expected values for ${name}.`);
    expect(shape).toEqual([images.length, ...outputSpecOf(architecture, requestOf(name)).shape]);
    expect(data).toBeInstanceOf(Uint16Array);
    expect(data.length).toBe(shape.reduce((product, size) => product * size));
    expect(expected.bits.length).toBe(Math.ceil(data.length / expected.stride));
    const steps = [...expected.bits].map((bits, i) => ulps(data[i * expected.stride] ?? Number.NaN, bits));
    expect(Math.max(...steps)).toBeLessThanOrEqual(1);
  });

  it.each(Object.keys(reference.halves))('%s is the float32 output, rounded to nearest even', async (name) => {
    const { layer, ...rest } = requestOf(name);
    const floats = output(await run([{ ...rest, layer, dtype: 'f32' }]), layer);
    expect(output(found, name).data).toEqual(Uint16Array.from(floats.data, toHalf));
  });
});

it('pools and normalises in float32 at bf16 too', async () => {
  for (const name of ['conv3_2/pre/avg/l2/f32', 'conv5_3/pre/max/none/f32']) {
    const request = requestOf(name);
    const { data } = output(await run([request], { precision: 'bf16' }), request.layer);
    const expected = reference.layers[name];
    if (expected === undefined) throw new Error(`Expected values for ${name}.`);
    expect(relativeError(data, expected), name).toBeLessThan(0.03); // 8 bits of mantissa
    if (request.normalize !== 'l2') continue;
    const row = [...imageOf(output({ [request.layer]: { shape: [images.length], data } }, request.layer), 0)];
    expect(Math.hypot(...row)).toBeCloseTo(1, 6); // a norm of bf16 numbers would be 1 to two digits
  }
});

describe('float16', () => {
  /** The slim network with logits as large or as small as `bound` makes them. */
  const scaled = (bound: number) => {
    const { fc8 } = model.weights;
    if (fc8?.kernel.kind !== 'random' || fc8.bias.kind !== 'random') throw new Error('Expected random weights.');
    const weights = { ...fc8, kernel: { ...fc8.kernel, bound }, bias: { ...fc8.bias, bound } };
    return { ...model, weights: { ...model.weights, fc8: weights } };
  };

  it.each([
    [1e-6, 'subnormal', (bits: number) => (bits & 0x7fff) > 0 && (bits & 0x7fff) < 0x400],
    [1e-9, 'zero', (bits: number) => (bits & 0x7fff) === 0],
    [1e6, 'infinite', (bits: number) => (bits & 0x7fff) === 0x7c00],
  ])('becomes what NumPy makes of it when the weights are about %s: %s', async (bound, _, isSuch) => {
    const logits = { kind: 'layer', layer: 'fc8' } as const;
    const floats = output(await run([logits], { of: scaled(bound) }), 'fc8');
    const { data } = output(await run([{ ...logits, dtype: 'f16' }], { of: scaled(bound) }), 'fc8');
    expect(data).toEqual(Uint16Array.from(floats.data, toHalf));
    expect([...data].some(isSuch)).toBe(true);
  });
});

describe('several requests in one run', () => {
  it('gives best classes and float16 embeddings at once, as each alone', async () => {
    const topK = { kind: 'top_k', k: 3 } as const;
    const fc7 = { kind: 'layer', layer: 'fc7', normalize: 'l2', dtype: 'f16' } as const;
    const [both, classes, embedding] = [await run([topK, fc7]), await run([topK]), await run([fc7])];
    expect(both).toEqual({ ...classes, ...embedding });
    expect(Object.keys(both).length).toBe(4);
  });

  it('changes no bit of a layer when others are asked for too, on any side of their ReLU', async () => {
    const names = layersOf(architecture).map(({ name }) => name);
    const alone = await run([{ kind: 'layer', layer: 'fc8' }]);
    for (const activation of ['pre', 'post'] as const) {
      const all = await run(names.map((layer) => ({ kind: 'layer', layer, activation })));
      expect(Object.keys(all).sort()).toEqual([...names].sort());
      expect(output(all, 'fc8')).toEqual(output(alone, 'fc8'));
    }
  });

  it('gives the same before and after a layer that has no ReLU', async () => {
    const sides = (activation: 'pre' | 'post') =>
      run(['pool2', 'fc8'].map((layer) => ({ kind: 'layer', layer, activation })));
    expect(await sides('pre')).toEqual(await sides('post'));
  });

  it('refuses a second request for a layer', async () => {
    const fc7 = { kind: 'layer', layer: 'fc7' } as const;
    await expect(run([fc7, { ...fc7, activation: 'pre' }])).rejects.toThrow('one request for fc7');
  });
});

describe.each([
  { pool: 'none', normalize: 'none', dtype: 'f32' },
  { pool: 'avg', normalize: 'none', dtype: 'f32' },
  { pool: 'max', normalize: 'none', dtype: 'f32' },
  { pool: 'none', normalize: 'l2', dtype: 'f32' },
  { pool: 'avg', normalize: 'l2', dtype: 'f16' },
  { pool: 'none', normalize: 'l2', dtype: 'f16' },
] as const)('$pool, $normalize, $dtype', (options) => {
  let session: Session;
  beforeAll(async () => {
    // fc8 has an odd number of values, so that its float16 rows are padded; conv1_2 has the longest sums.
    const layers = ['conv1_2', 'conv4_3', 'pool5', 'fc7', 'fc8'].map(
      (layer): LayerOutput => ({ kind: 'layer', layer, activation: layer === 'conv4_3' ? 'pre' : 'post', ...options }),
    );
    session = await Session.open({ model, precision: 'f32', outputs: [{ kind: 'top_k', k: 3 }, ...layers] });
  });
  afterAll(() => session.close());

  it('gives an image the same bits alone and in a batch of any size, at any place', () => {
    const [first, ...others] = images as [Uint8Array, ...Uint8Array[]];
    const alone = session.run(batchOf([first]), 1);
    for (let size = 2; size <= 17; size += 1) {
      const place = size % 3 === 0 ? size - 1 : 0;
      const batch = Array.from({ length: size }, (_, i) => others[i % others.length] ?? first);
      batch[place] = first;
      const outputs = session.run(batchOf(batch), size);
      for (const [layer, expected] of Object.entries(alone)) {
        const moved = imageOf(output(outputs, layer), place);
        expect(sameBits(moved, expected.data), `${layer} at ${place} of ${size}`).toBe(true);
      }
    }
  });
});

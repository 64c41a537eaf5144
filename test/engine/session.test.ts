import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outputs, Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { layersOf } from '../../src/network/architecture.js';
import type { OutputRequest } from '../../src/network/graph/vgg.js';
import {
  batchOf,
  imageOf,
  output,
  type Reference,
  randomModel,
  readReference,
  relativeError,
  testImages,
} from './reference.js';

configureTensorFlow({ threads: 2 });

/** max |difference| over the largest magnitude; PyTorch's own float32 is up to 3e-6 from float64 (make_torchvision.py). */
const TOLERANCE = 1e-5;

const layerOutputs = (names: readonly string[]): readonly OutputRequest[] =>
  names.map((layer) => ({ kind: 'layer', layer }));

describe.each(['torchvision-slim-torchvision', 'torchvision-slim-caffe', 'torchvision-vgg16'])('%s', (name) => {
  const reference = readReference(name);
  const { architecture, preset, seed, imageSeed } = reference;
  const images = testImages(architecture.inputSize, imageSeed);
  const names = Object.keys(reference.layers);
  let session: Session;
  let outputs: Outputs;

  beforeAll(async () => {
    session = await Session.open({
      model: randomModel(architecture, preset, seed),
      precision: 'f32',
      outputs: layerOutputs(names),
    });
    outputs = session.run(batchOf(images), images.length);
  });
  afterAll(() => session.close());

  it("gives every requested layer the architecture's shape", () => {
    for (const layer of layersOf(architecture).filter((each) => names.includes(each.name))) {
      expect(output(outputs, layer.name).shape, layer.name).toEqual([images.length, ...layer.outputShape]);
    }
    expect(Object.keys(outputs).sort()).toEqual([...names].sort());
  });

  it.each(names)('%s equals PyTorch', (layer) => {
    const expected = reference.layers[layer];
    if (expected === undefined) throw new Error(`Expected values for ${layer}.`);
    const { data } = output(outputs, layer);
    expect(expected.values.length).toBe(Math.ceil(data.length / expected.stride));
    expect(expected.values.some((value) => value !== 0)).toBe(true);
    expect(relativeError(data, expected)).toBeLessThanOrEqual(TOLERANCE);
  });

  it('gives an image the same bits at every place in a batch, whatever its neighbours', () => {
    const [image, ...others] = images as [Uint8Array, ...Uint8Array[]];
    const expected = imageOf(output(outputs, 'fc8'), 0);
    for (const place of images.keys()) {
      const neighbours = place % 2 === 0 ? others : others.map((other) => other.map((byte) => 255 - byte));
      const batch = [...neighbours.slice(0, place), image, ...neighbours.slice(place)];
      const moved = session.run(batchOf(batch), batch.length);
      expect(imageOf(output(moved, 'fc8'), place), `place ${place}`).toEqual(expected);
    }
  });

  it('gives an image the same bits alone and in a batch of any size', () => {
    const expected = imageOf(output(outputs, 'fc8'), 0);
    for (const size of [1, 2, 3]) {
      const smaller = session.run(batchOf(images.slice(0, size)), size);
      expect(imageOf(output(smaller, 'fc8'), 0), `batch of ${size}`).toEqual(expected);
    }
  });
});

describe('Session', () => {
  const reference = readReference('torchvision-slim-torchvision');
  const { architecture, seed, imageSeed } = reference;
  const images = testImages(architecture.inputSize, imageSeed);
  const model = randomModel(architecture, 'torchvision', seed);

  it("orders the best classes as PyTorch's logits do, with softmax's probabilities", async () => {
    const classes = architecture.classifier?.classes ?? 0;
    const session = await Session.open({ model, precision: 'f32', outputs: [{ kind: 'top_k', k: 3 }] });
    const outputs = session.run(batchOf(images), images.length);
    session.close();
    const logits = reference.layers.fc8?.values ?? new Float32Array();
    expect(logits.length).toBe(images.length * classes);
    for (const image of images.keys()) {
      const row = [...logits.subarray(image * classes, (image + 1) * classes)];
      const order = row.map((_, index) => index).sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0));
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      const at = (name: string) => [...imageOf(output(outputs, name), image)];
      expect(at('top_k/classes')).toEqual(order.slice(0, 3));
      at('top_k/logits').forEach((logit, rank) => {
        expect(logit).toBeCloseTo(row[order[rank] ?? -1] ?? Number.NaN, 4);
      });
      at('top_k/probabilities').forEach((probability, rank) => {
        expect(probability).toBeCloseTo(Math.exp(row[order[rank] ?? -1] ?? Number.NaN) / total, 5);
      });
    }
  });

  it('computes the base alone when no later layer is asked for, without a classifier too', async () => {
    const base = randomModel({ ...architecture, classifier: null }, 'torchvision', seed);
    const session = await Session.open({ model: base, precision: 'f32', outputs: layerOutputs(['pool5']) });
    const outputs = session.run(batchOf(images), images.length);
    session.close();
    const expected = reference.layers.pool5 as Reference['layers'][string];
    expect(Object.keys(outputs)).toEqual(['pool5']);
    expect(relativeError(output(outputs, 'pool5').data, expected)).toBeLessThanOrEqual(TOLERANCE);
  });

  it('stays near PyTorch at bf16: 8 bits of mantissa through 16 layers', async () => {
    const session = await Session.open({ model, precision: 'bf16', outputs: layerOutputs(['fc7', 'fc8']) });
    const outputs = session.run(batchOf(images), images.length);
    session.close();
    for (const layer of ['fc7', 'fc8']) {
      const expected = reference.layers[layer] as Reference['layers'][string];
      const error = relativeError(output(outputs, layer).data, expected);
      expect(error, layer).toBeLessThan(0.03);
      expect(error, layer).toBeGreaterThan(TOLERANCE); // it is not f32 under another name
    }
  });

  /** Opens a session on the model with this bias of conv1_2, out of a file. */
  async function openWithBias(bias: Float32Array): Promise<Session> {
    const folder = mkdtempSync(join(tmpdir(), 'vgg16-test-'));
    try {
      const file = join(folder, 'bias.bin');
      writeFileSync(file, bias);
      const source = {
        kind: 'stored',
        place: { kind: 'range', file, offset: 0, byteLength: bias.byteLength, type: 'f32' },
        shape: [bias.length],
      } as const;
      const { conv1_2 } = model.weights;
      if (conv1_2 === undefined) throw new Error('Expected weights of conv1_2.');
      const changed = { ...model, weights: { ...model.weights, conv1_2: { ...conv1_2, bias: source } } };
      return await Session.open({ model: changed, precision: 'f32', outputs: layerOutputs(['fc8']) });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const biases = (value: number, from: number, to: number): Float32Array =>
    new Float32Array(architecture.convolutions[0]?.[1] ?? 0).fill(value, from, to);

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses weights that hold %s and names the tensor', async (bad) => {
    await expect(openWithBias(biases(bad, 3, 4))).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('conv1_2/bias'),
    });
  });

  it('takes weights that are finite and whose sum is not', async () => {
    (await openWithBias(biases(3e38, 2, 5))).close();
  });
});

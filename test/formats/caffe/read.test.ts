/** Caffe models against what OpenCV made of them: fixtures/formats/make_caffe.py. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { CAFFE, FIELD } from '../../../src/formats/caffe/proto.js';
import { readWeightFile } from '../../../src/formats/open.js';
import { openModel } from '../../../src/models/open.js';
import { PRESETS } from '../../../src/network/preset.js';
import { maxDifference, sessionOutputs, slimImages } from '../export/numbers.js';
import { FLIPS, failure, temporaryFolder, write } from '../files.js';
import { delimited, message } from '../onnx/onnx-files.js';
import { survivesCuts, survivesFlips } from '../shared/protobuf-damage.js';

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const OPTIONS = { seed: 0, cacheDir: folder, env: {} } as const;
const format = (name: string): string => fileURLToPath(new URL(`../../../fixtures/formats/${name}`, import.meta.url));

const { files } = JSON.parse(readFileSync(format('caffe.json'), 'utf8')) as {
  readonly files: Readonly<Record<string, { readonly logits: readonly (readonly number[])[] }>>;
};

describe.each(Object.keys(files))('%s', (name) => {
  it("gives OpenCV's logits", async () => {
    const model = await openModel(format(name), OPTIONS);
    const { inputSize } = model.card.architecture;
    const { fc8 = [] } = await sessionOutputs(model, slimImages(inputSize), ['fc8']);
    expect(maxDifference(fc8, files[name]?.logits.flat() ?? [])).toBeLessThan(1e-5);
  });

  it('has the preset of Caffe and the size of its input', async () => {
    expect((await openModel(format(name), OPTIONS)).card).toMatchObject({
      preset: { name: 'caffe', channels: 'BGR', mean: PRESETS.caffe.mean, crop: 64 },
      architecture: { inputSize: 64, classifier: { fc6: 24, fc7: 24, classes: 7 } },
    });
  });
});

/** A layer as `net` takes it. */
interface Layer {
  readonly name: string;
  readonly type: string;
  readonly bottom: readonly string[];
  readonly top: readonly string[];
  readonly [parameters: string]: unknown;
  /** Shapes; the values are zeros. */
  readonly shapes?: readonly (readonly number[])[];
}

function blob(shape: readonly number[]): Buffer {
  const data = Buffer.alloc(4 * shape.reduce((product, size) => product * size, 1));
  return Buffer.concat([message(CAFFE.BlobProto, { shape: { dim: shape } }), delimited(FIELD.blob.data, data)]);
}

function encoded({ shapes = [], ...layer }: Layer): Buffer {
  const blobs = shapes.map((shape) => delimited(FIELD.layer.blobs, blob(shape)));
  return delimited(FIELD.net.layer, Buffer.concat([message(CAFFE.LayerParameter, layer), ...blobs]));
}

const WIDTH = 2;

/** A VGG-16 of width 2 for 32 pixels, as a training net has it: data, labels, a split, accuracy and loss. */
function layers(): Layer[] {
  let top = 'data';
  const list: Layer[] = [
    { name: 'train', type: 'Data', bottom: [], top: ['data', 'label'], transform: { cropSize: 32 } },
    { name: 'test', type: 'Data', bottom: [], top: ['data', 'label'], transform: { cropSize: 32 } },
  ];
  const add = (name: string, type: string, more: Readonly<Record<string, unknown>> = {}) => {
    const next = ['ReLU', 'Dropout'].includes(type) ? top : name;
    list.push({ name, type, bottom: [top], top: [next], ...more });
    top = next;
  };
  [2, 2, 3, 3, 3].forEach((count, block) => {
    for (let i = 1; i <= count; i++) {
      const name = `conv${block + 1}_${i}`;
      const input = name === 'conv1_1' ? 3 : WIDTH;
      const convolution = { pad: [1], kernelSize: [3] };
      add(name, 'Convolution', { convolution, shapes: [[WIDTH, input, 3, 3], [WIDTH]] });
      add(`relu${block + 1}_${i}`, 'ReLU');
    }
    add(`pool${block + 1}`, 'Pooling', { pooling: { pool: 0, kernelSize: 2, stride: 2 } });
  });
  for (const name of ['fc6', 'fc7', 'fc8']) {
    add(name, 'InnerProduct', { shapes: [[WIDTH, WIDTH], [WIDTH]] });
    if (name !== 'fc8') add(`relu${name.slice(2)}`, 'ReLU');
  }
  list.push({ name: 'split', type: 'Split', bottom: ['fc8'], top: ['fc8_0', 'fc8_1'] });
  list.push({ name: 'accuracy', type: 'Accuracy', bottom: ['fc8_0', 'label'], top: ['accuracy'] });
  list.push({ name: 'loss', type: 'SoftmaxWithLoss', bottom: ['fc8_1', 'label'], top: ['loss'] });
  return list;
}

const net = (list: readonly Layer[]): Buffer =>
  Buffer.concat([message(CAFFE.NetParameter, { name: 'net' }), ...list.map(encoded)]);

it('reads the net of a training, with its data, losses and splits, and the size that images are cropped to', async () => {
  const model = await openModel(write(folder, 'training', net(layers())), OPTIONS);
  expect(model.card.architecture).toMatchObject({ inputSize: 32, classifier: { classes: WIDTH } });
});

describe('what VGG-16 lacks is named', () => {
  const change = (name: string, more: Partial<Layer>): Layer[] =>
    layers().map((layer) => (layer.name === name ? { ...layer, ...more } : layer));

  it.each<readonly [what: string, list: readonly Layer[], expected: string]>([
    ['a stride', change('conv1_2', { convolution: { pad: [1], kernelSize: [3], stride: [2] } }), 'stride'],
    ['groups', change('conv1_2', { convolution: { pad: [1], kernelSize: [3], group: 2 } }), 'group'],
    ['a dilation', change('conv1_2', { convolution: { pad: [1], kernelSize: [3], dilation: [2] } }), 'dilation'],
    ['no padding', change('conv1_2', { convolution: { kernelSize: [3] } }), 'padding of 1'],
    ['uneven padding', change('conv1_2', { convolution: { padH: 1, padW: 2 } }), 'padding of 1'],
    ['an average', change('pool1', { pooling: { pool: 1, kernelSize: 2, stride: 2 } }), 'pool of "pool1"'],
    ['a larger pool', change('pool1', { pooling: { pool: 0, kernelSize: 3, stride: 2 } }), 'kernel_size'],
    ['a pool without stride', change('pool1', { pooling: { pool: 0, kernelSize: 2 } }), 'stride'],
    ['a leaky ReLU', change('relu1_1', { relu: { negativeSlope: 0.5 } }), 'negative_slope'],
    ['local normalisation', change('relu1_1', { type: 'LRN' }), 'LRN'],
    ['a type named like a method', change('relu1_1', { type: 'toString' }), 'toString'],
    ['a branch', change('conv1_2', { bottom: ['data'] }), 'branches'],
    ['two inputs', change('conv1_2', { bottom: ['conv1_1', 'data'] }), 'reads 2'],
    ['a missing layer', layers().filter(({ name }) => name !== 'relu1_1'), 'the ReLU of conv1_1'],
    ['no weights', change('conv1_2', { shapes: [] }), 'weights of "conv1_2" are missing'],
    [
      'an oblong input',
      change('train', { type: 'Input', input: { shape: [{ dim: [1, 3, 32, 64] }] } }),
      '[N, 3, S, S]',
    ],
    [
      'an input whose pools would keep an odd row',
      change('train', { transform: { cropSize: 40 } }).filter(({ name }) => name !== 'test'),
      'rounds up',
    ],
    ['inputs of two sizes', change('train', { transform: { cropSize: 64 } }), '64 and 32'],
  ])('%s', async (_what, list, expected) => {
    const { message: text, code } = await failure(openModel(write(folder, 'changed', net(list)), OPTIONS));
    expect(code).toBe('MODEL_INVALID');
    expect(text).toContain(expected);
  });

  it('a blob whose data do not fit its shape', async () => {
    const [first, second, ...rest] = layers();
    const broken = Buffer.concat([
      message(CAFFE.LayerParameter, { name: 'x', type: 'Convolution' }),
      delimited(FIELD.layer.blobs, Buffer.concat([blob([2, 3]), delimited(FIELD.blob.data, Buffer.alloc(4))])),
    ]);
    const bytes = Buffer.concat([net([first, second] as Layer[]), delimited(FIELD.net.layer, broken), net(rest)]);
    expect((await failure(readWeightFile(write(folder, 'changed', bytes)))).message).toContain('Expected 24 bytes');
  });

  it.each([
    [
      'both forms of layers',
      Buffer.concat([delimited(2, Buffer.alloc(0)), encoded(layers()[0] as Layer)]),
      'layers and layer',
    ],
    [
      'too many layers',
      Buffer.concat(Array.from({ length: 1001 }, () => delimited(100, Buffer.alloc(0)))),
      'at most 1000',
    ],
    ['an ONNX model by another name', Buffer.from([0x08, 8, 0x3a, 0]), 'not a VGG-16'],
  ])('%s', async (_what, bytes, expected) => {
    expect((await failure(readWeightFile(write(folder, 'x.caffemodel', bytes)))).message).toContain(expected);
  });
});

describe('damage', () => {
  it('is refused wherever the file is cut off', { timeout: 120_000 }, async () => {
    for (const name of ['caffe.caffemodel', 'caffe-v1.caffemodel']) {
      await survivesCuts(folder, readFileSync(format(name)), name);
    }
  });

  it(`ends in a model or a clear error for ${FLIPS} bytes changed`, { timeout: 600_000 }, async () => {
    await survivesFlips(folder, net(layers()), 'small.caffemodel', FLIPS);
  });
});

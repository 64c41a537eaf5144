import { describe, expect, it } from 'vitest';
import type { BatchNormStep, NetworkStep } from '../../src/formats/shared/network-steps.js';
import type { StoredTensor } from '../../src/formats/shared/stored-tensor.js';
import type { WeightFile } from '../../src/formats/shared/weight-file.js';
import { assemble } from '../../src/models/assemble.js';

const tensor = (name: string, shape: readonly number[]): StoredTensor => ({
  name,
  shape,
  dtype: 'F32',
  place: undefined,
});
const FILE: WeightFile = { path: 'some.onnx', bytes: 0, format: 'onnx', tensors: [], metadata: {} };

const conv = (name: string): NetworkStep => ({
  kind: 'conv',
  name,
  kernel: tensor(`${name}.w`, [1, 1, 3, 3]),
  bias: undefined,
  order: 'oihw',
});
const dense = (name: string, shape = [1, 1]): NetworkStep => ({
  kind: 'dense',
  name,
  kernel: tensor(`${name}.w`, shape),
  bias: undefined,
  order: 'oihw',
});
const plain = (kind: 'relu' | 'maxPool' | 'softmax'): NetworkStep => ({ kind, name: kind });
const norm = (name: string): BatchNormStep => ({
  kind: 'batchNorm',
  name,
  scale: undefined,
  offset: undefined,
  mean: tensor('mean', [1]),
  variance: tensor('variance', [1]),
  epsilon: 1e-3,
});
const flatten: NetworkStep = { kind: 'flatten', name: 'flatten', order: 'chw' };

const BASE: readonly NetworkStep[] = [2, 2, 3, 3, 3].flatMap((count, block) => [
  ...Array.from({ length: count }, (_, i) => [conv(`c${block + 1}_${i + 1}`), plain('relu')]).flat(),
  plain('maxPool'),
]);
const HEAD: readonly NetworkStep[] = [flatten, dense('a'), plain('relu'), dense('b'), plain('relu'), dense('c')];

/** `steps` with the one at `at` replaced. */
const replaced = (steps: readonly NetworkStep[], at: number, ...by: readonly NetworkStep[]) => [
  ...steps.slice(0, at),
  ...by,
  ...steps.slice(at + 1),
];

describe('assemble', () => {
  it('finds the layers of the whole network and of a base, in the order of the paper', () => {
    const { layers } = assemble(FILE, [...BASE, ...HEAD, plain('softmax')]);
    expect([...layers.keys()].slice(-4)).toEqual(['conv5_3', 'fc6', 'fc7', 'fc8']);
    expect(layers.get('conv3_2')?.kernel.name).toBe('c3_2.w');
    expect(layers.get('fc6')?.layout).toBe('oihw/chw');
    expect([...assemble(FILE, BASE).layers.keys()]).toHaveLength(13);
    expect([...assemble(FILE, [...BASE, flatten]).layers.keys()]).toHaveLength(13);
  });

  it('takes a window over all of pool5 for fc6 without a flattening', () => {
    const steps = [...BASE, dense('a', [1, 1, 7, 7]), ...HEAD.slice(2)];
    expect(assemble(FILE, steps).layers.get('fc6')?.layout).toBe('oihw/chw');
  });

  it('gives batch normalisations to the layer that they can be folded into', () => {
    const [one, two, three, four] = ['n1', 'n2', 'n3', 'n4'].map(norm) as [
      BatchNormStep,
      BatchNormStep,
      BatchNormStep,
      BatchNormStep,
    ];
    const base = replaced(BASE, 0, BASE[0] as NetworkStep, one);
    const head = [two, flatten, dense('a'), plain('relu'), three, dense('b'), four, plain('relu'), dense('c')];
    const { layers } = assemble(FILE, [...base, ...head]);
    expect(layers.get('conv1_1')?.normAfter).toBe(one);
    expect(layers.get('fc6')?.normBefore).toBe(two);
    expect(layers.get('fc7')?.normBefore).toBe(three);
    expect(layers.get('fc7')?.normAfter).toBe(four);
    expect(layers.get('fc8')?.normBefore).toBeUndefined();
  });

  it('keeps what stands before the first convolution', () => {
    const affine: NetworkStep = { kind: 'affine', name: 'rescaling', scale: [1 / 255], offset: [0] };
    expect(assemble(FILE, [affine, ...BASE]).affine).toEqual([affine]);
  });

  it.each<[string, readonly NetworkStep[], string]>([
    ['nothing', [], 'expected a convolution as conv1_1 but the network ends'],
    ['VGG-19', replaced(BASE, 14, conv('extra'), plain('relu'), BASE[14] as NetworkStep), 'pool3'],
    ['a convolution without its ReLU', BASE.slice(0, 1).concat(BASE.slice(2)), 'the ReLU of conv1_1'],
    ['a normalisation after a ReLU', replaced(BASE, 1, plain('relu'), norm('late')), '"late"'],
    ['two dense layers', [...BASE, ...HEAD.slice(0, 4)], 'fc7 but the network ends'],
    ['one dense layer', [...BASE, flatten, dense('a'), plain('softmax')], 'the ReLU of fc6 but there is a softmax'],
    ['no flattening', [...BASE, ...HEAD.slice(1)], 'nothing flattens pool5 before "a"'],
    [
      'four dense layers',
      [...BASE, ...HEAD, plain('relu'), dense('d')],
      'expected the end after fc8 but there is a ReLU',
    ],
    ['a normalisation at the end of a base', [...BASE, norm('last')], 'fc6 but the network ends'],
  ])('refuses %s and says where', (_what, steps, message) => {
    expect(() => assemble(FILE, steps)).toThrow(message);
    expect(() => assemble(FILE, steps)).toThrow('some.onnx is not a VGG-16');
  });
});

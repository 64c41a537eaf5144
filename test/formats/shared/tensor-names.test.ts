import { describe, expect, it } from 'vitest';
import { nameTensors } from '../../../src/formats/shared/tensor-names.js';
import type { WeightFile } from '../../../src/formats/shared/weight-file.js';
import { type Entry, paperNames, slimShapes } from '../files.js';

const file = (shapes: Readonly<Record<string, Entry>>): WeightFile => ({
  path: 'some.pth',
  bytes: 0,
  format: 'pytorch',
  metadata: {},
  tensors: Object.entries(shapes).map(([name, { shape }]) => ({
    name,
    shape,
    dtype: 'F32',
    place: { kind: 'range', file: 'some.pth', offset: 0, byteLength: 0, type: 'f32' },
  })),
});
const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(slimShapes()).filter(([name]) => !names.includes(name)));
const conv = (...indices: number[]) =>
  Object.fromEntries(indices.map((index) => [`features.${index}.weight`, { shape: [64, 3, 3, 3] }]));

describe('nameTensors', () => {
  it('knows the names of torchvision and of the paper, in the order of the network', () => {
    const shapes = slimShapes();
    const reversed = Object.fromEntries(Object.entries(shapes).reverse());
    expect(nameTensors(file(reversed)).naming).toBe('torch');
    expect([...nameTensors(file(reversed)).layers.keys()]).toEqual([
      ...nameTensors(file(paperNames(shapes))).layers.keys(),
    ]);
    expect([...nameTensors(file(shapes)).layers.keys()].join(' ')).toBe(
      'conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv4_1 conv4_2 conv4_3 conv5_1 conv5_2 conv5_3 fc6 fc7 fc8',
    );
    expect(nameTensors(file(paperNames(shapes))).naming).toBe('paper');
  });

  it.each<[string, Record<string, Entry>, string]>([
    ['nothing', {}, 'holds no tensors'],
    ['one tensor more', { ...slimShapes(), extra: { shape: [1] } }, 'it holds "extra", which no layer has'],
    ['a missing kernel', without('features.28.weight'), 'the kernel of conv5_3 is missing (conv5_3 or features.28)'],
    ['a missing bias', without('classifier.6.bias'), 'the bias of fc8 is missing (fc8 or classifier.6 or head.fc)'],
    ['the same layer twice', { ...slimShapes(), 'head.fc.weight': { shape: [3, 4] } }, 'are both the kernel of fc8'],
    ['two schemes of names', { ...without('classifier.6.bias'), 'fc8.bias': { shape: [3] } }, 'two different schemes'],
    [
      'ResNet',
      { 'conv1.weight': { shape: [64, 3, 7, 7] }, 'layer1.0.conv1.weight': { shape: [64, 64, 1, 1] } },
      'ResNet',
    ],
    ['a vision transformer', { cls_token: { shape: [1, 1, 768] } }, 'transformer'],
    [
      'VGG-16 with batch norm',
      { ...conv(0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40), 'features.1.num_batches_tracked': { shape: [] } },
      'VGG-16 with batch normalisation',
    ],
    [
      'VGG-11 with batch norm',
      { ...conv(0, 4, 8), 'features.1.running_mean': { shape: [64] } },
      'it has batch normalisation',
    ],
    ['AlexNet', conv(0, 3, 6, 8, 10), '5 convolutions, as AlexNet'],
    ['VGG-11', conv(0, 3, 6, 8, 11, 13, 16, 18), '8 convolutions, as VGG-11'],
    ['VGG-13', conv(0, 2, 5, 7, 10, 12, 15, 17, 20, 22), '10 convolutions, as VGG-13'],
    ['VGG-19', conv(0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), '16 convolutions, as VGG-19'],
  ])('says what is wrong with %s', (_what, shapes, expected) => {
    expect(() => nameTensors(file(shapes))).toThrow(/^some\.pth is not a VGG-16: /);
    expect(() => nameTensors(file(shapes))).toThrow(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { inferArchitecture } from '../../../src/formats/shared/infer-architecture.js';
import { nameTensors } from '../../../src/formats/shared/tensor-names.js';
import type { WeightFile } from '../../../src/formats/shared/weight-file.js';
import { type Entry, slimShapes } from '../files.js';

const FULL = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];

function infer(shapes: Readonly<Record<string, Entry>>) {
  const file: WeightFile = {
    path: 'some.pth',
    bytes: 0,
    format: 'pytorch',
    metadata: {},
    tensors: Object.entries(shapes).map(([name, { shape, dtype = 'F32' }]) => ({
      name,
      shape,
      dtype,
      place: dtype === 'F32' ? { kind: 'range', file: 'some.pth', offset: 0, byteLength: 0, type: 'f32' } : undefined,
    })),
  };
  return inferArchitecture(nameTensors(file), 224, file);
}

/** torchvision's VGG-16, by the numbers of its `state_dict`. */
function fullShapes(): Record<string, Entry> {
  const shapes = slimShapes({ classes: 1000 });
  const kernels = Object.keys(shapes).filter((name) => /^features.*weight$/.test(name));
  kernels.forEach((name, i) => {
    shapes[name] = { shape: [FULL[i] as number, i === 0 ? 3 : (FULL[i - 1] as number), 3, 3] };
    shapes[name.replace('weight', 'bias')] = { shape: [FULL[i] as number] };
  });
  return {
    ...shapes,
    'classifier.0.weight': { shape: [4096, 25088] },
    'classifier.0.bias': { shape: [4096] },
    'classifier.3.weight': { shape: [4096, 4096] },
    'classifier.3.bias': { shape: [4096] },
    'classifier.6.weight': { shape: [1000, 4096] },
  };
}

describe('inferArchitecture', () => {
  it("reads torchvision's VGG-16 from its shapes", () => {
    const { inputSize, convolutions, classifier } = infer(fullShapes());
    expect(inputSize).toBe(224);
    expect(convolutions.flat()).toEqual(FULL);
    expect(classifier).toEqual({ fc6: 4096, fc7: 4096, classes: 1000 });
  });

  it('tells the input size from the number of values that fc6 reads', () => {
    expect(infer(slimShapes({ inputSize: 96 })).inputSize).toBe(96);
    expect(infer(slimShapes({ classes: 0 })).inputSize).toBe(224);
  });

  it.each<[string, string, Entry, string]>([
    [
      'a 5x5 kernel',
      'features.2.weight',
      { shape: [2, 2, 5, 5] },
      'expected the shape [n, 2, 3, 3] for "features.2.weight" but it is [2, 2, 5, 5]',
    ],
    ['other channels than the layer before gives', 'features.5.weight', { shape: [2, 3, 3, 3] }, '[n, 2, 3, 3]'],
    ['four input channels', 'features.0.weight', { shape: [2, 4, 3, 3] }, '[n, 3, 3, 3]'],
    ['no output channels', 'features.28.weight', { shape: [0, 2, 3, 3] }, '[n, 2, 3, 3]'],
    ['a bias of another width', 'features.7.bias', { shape: [3] }, '[2]'],
    ['a dense layer of three axes', 'classifier.0.weight', { shape: [5, 2, 1] }, '[n, m]'],
    ['a dense layer without outputs', 'classifier.0.weight', { shape: [0, 2] }, '[n, m]'],
    [
      'an input that is no square',
      'classifier.0.weight',
      { shape: [5, 6] },
      'reads 6 values, expected 2 times a square',
    ],
    ['an input of 64,000 pixels', 'classifier.0.weight', { shape: [5, 2 * 2000 ** 2] }, 'to 4096 pixels'],
    ['fc7 that does not follow fc6', 'classifier.3.weight', { shape: [4, 6] }, 'to read 5 values but it reads 6'],
    ['fc8 that does not follow fc7', 'classifier.6.weight', { shape: [3, 5] }, 'to read 4 values but it reads 5'],
    [
      'integers',
      'classifier.3.weight',
      { shape: [4, 5], dtype: 'I64' },
      'expected floating-point numbers in "classifier.3.weight"',
    ],
    ['an integer bias', 'features.0.bias', { shape: [2], dtype: 'I64' }, 'floating-point'],
  ])('names the tensor with %s', (_what, name, entry, expected) => {
    expect(() => infer({ ...slimShapes(), [name]: entry })).toThrow(expected);
  });
});

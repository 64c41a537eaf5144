import { expect, test } from 'vitest';
import { vgg16 } from '../../src/model/architecture.js';
import type { CpuFeatures } from '../../src/model/cpu.js';
import { automaticBatchSize, macsOf, precisionHint, resolveSettings } from '../../src/services/settings.js';

const plain: CpuFeatures = {
  model: 'a CPU',
  avx2: true,
  avx512f: false,
  avx512Vnni: false,
  avx512Bf16: false,
  amxBf16: false,
  amxInt8: false,
};
const amx: CpuFeatures = { ...plain, amxBf16: true };
const tiny = {
  inputSize: 32,
  convolutions: [
    [8, 8],
    [8, 8],
    [8, 8, 8],
    [8, 8, 8],
    [8, 8, 8],
  ],
  classifier: null,
};

test('VGG-16 at 224 pixels is 15.47 GMAC an image, as torchvision prints it', () => {
  expect(macsOf(vgg16()) / 1e9).toBeCloseTo(15.47, 2);
});

test('the automatic batch shrinks with the work of an image', () => {
  expect(automaticBatchSize(vgg16())).toBe(16);
  expect(automaticBatchSize(tiny)).toBe(256);
  expect(automaticBatchSize({ ...vgg16(), inputSize: 1024 })).toBe(1);
});

test('what is asked for wins over what the machine suggests', () => {
  const asked = { batchSize: 3, workers: 5, threads: 7, precision: 'f32' } as const;
  expect(resolveSettings(asked, vgg16(), amx, 2)).toEqual(asked);
});

test('auto follows the cores and the CPU', () => {
  const auto = { batchSize: 'auto', workers: 'auto', threads: 'auto', precision: 'auto' } as const;
  expect(resolveSettings(auto, vgg16(), amx, 6)).toEqual({ batchSize: 16, workers: 12, threads: 6, precision: 'bf16' });
  expect(resolveSettings(auto, vgg16(), plain, 2).precision).toBe('f32');
});

test.each([
  ['f32', amx, /--precision bf16/],
  ['f32', { ...plain, avx512Bf16: true }, /twice as fast/],
  ['f32', plain, undefined],
  ['bf16', plain, /--precision f32/],
  ['bf16', amx, undefined],
] as const)('a hint for %s only where another precision is much faster', (precision, cpu, expected) => {
  const hint = precisionHint(precision, vgg16(), cpu);
  if (expected === undefined) expect(hint).toBeUndefined();
  else expect(hint).toMatch(expected);
  expect(precisionHint(precision, tiny, cpu)).toBeUndefined();
});

import { describe, expect, it, test } from 'vitest';
import type { OutputRequest } from '../../../src/engine/engine.js';
import type { CpuFeatures } from '../../../src/machine/cpu.js';
import { vgg16 } from '../../../src/network/architecture.js';
import {
  automaticBatchSize,
  type Limits,
  macsOf,
  memoryHint,
  memoryNeed,
  precisionHint,
  resolveSettings,
} from '../../../src/services/pipeline/settings.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const plain: CpuFeatures = {
  model: 'a CPU',
  avx2: true,
  avx512f: false,
  avx512Vnni: false,
  avxVnni: false,
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

const auto = { batchSize: 'auto', workers: 'auto', threads: 'auto', precision: 'auto' } as const;

/** A machine with `processors` and `gib` of memory for this process. */
const limits = (processors: number, gib: number): Limits => ({
  threads: { threads: processors, from: `cgroup ${processors}.0` },
  memory: { bytes: gib * GIB, from: 'cgroup' },
});

test('what is asked for wins over what the machine suggests, and needs no reason', () => {
  const asked = { batchSize: 300, workers: 5, threads: 7, precision: 'f32' } as const;
  expect(resolveSettings(asked, vgg16(), amx, limits(2, 1))).toEqual({ ...asked, chosen: {} });
});

test('auto follows the processors, the CPU and the model, and says so', () => {
  expect(resolveSettings(auto, vgg16(), amx, limits(6, 64))).toEqual({
    ...{ batchSize: 16, workers: 12, threads: 6, precision: 'bf16' },
    chosen: { batchSize: 'model', workers: '2 a processor', threads: 'cgroup 6.0', precision: 'CPU' },
  });
  expect(resolveSettings(auto, vgg16(), { ...plain, avx512Bf16: true }, limits(2, 64)).precision).toBe('bf16');
  expect(resolveSettings(auto, vgg16(), plain, limits(2, 64)).precision).toBe('f32');
});

test('no more decoders than libuv has threads for', () => {
  expect(resolveSettings(auto, tiny, plain, limits(96, 512)).workers).toBe(64);
});

test.each([
  ['a container with 2 of 64 processors and 4 GiB', 2, 4, { threads: 2, workers: 4, batchSize: 16 }],
  ['64 processors and 4 GiB', 64, 4, { threads: 64, workers: 10, batchSize: 16 }],
  ['3 GiB', 2, 3, { threads: 2, workers: 4, batchSize: 16 }],
  ['2.5 GiB', 2, 2.5, { threads: 2, workers: 4, batchSize: 8 }],
  ['2 GiB', 2, 2, { threads: 2, workers: 2, batchSize: 4 }],
  ['1 GiB, which does not suffice', 2, 1, { threads: 2, workers: 1, batchSize: 1 }],
] as const)('memory bounds the batch and the decoders: %s', (_name, processors, gib, expected) => {
  const settings = resolveSettings({ ...auto, precision: 'f32' }, vgg16(), plain, limits(processors, gib));
  expect(settings).toMatchObject(expected);
  if (expected.batchSize < 16) expect(settings.chosen.batchSize).toBe(`memory ${gib.toFixed(1)} GiB (cgroup)`);
});

test('a small network in little memory keeps its large batch', () => {
  expect(resolveSettings(auto, tiny, plain, limits(2, 1)).batchSize).toBe(256);
});

/**
 * Largest resident memory in MiB (`VmHWM`) of runs on photographs of 500 x 375 pixels with seeded weights, 4 decoders and 2
 * threads; AMD EPYC (AVX2), TensorFlow 2.21. The need is planned for larger photographs, so it may be above.
 */
const MEASURED: readonly { name: string; batchSize: number; outputs?: readonly OutputRequest[]; peak: number }[] = [
  { name: 'classify -b 1', batchSize: 1, peak: 1440 },
  { name: 'classify -b 4', batchSize: 4, peak: 1443 },
  { name: 'classify -b 16', batchSize: 16, peak: 1725 },
  { name: 'classify -b 64', batchSize: 64, peak: 3202 },
  { name: 'extract -l pool5 -b 16', batchSize: 16, outputs: [{ kind: 'layer', layer: 'pool5' }], peak: 1129 },
  {
    name: 'extract -l conv1_2 --pool none -b 16',
    batchSize: 16,
    outputs: [{ kind: 'layer', layer: 'conv1_2' }],
    peak: 1335,
  },
];

test.each(MEASURED)('$name: the need is at least what was measured and not half as much again', (measured) => {
  const { batchSize, outputs, peak } = measured;
  const settings = { batchSize, workers: 4, threads: 2, precision: 'f32', chosen: {} } as const;
  const ratio = memoryNeed(settings, vgg16(), outputs) / (peak * MIB);
  expect(ratio).toBeGreaterThanOrEqual(1);
  expect(ratio).toBeLessThan(1.5);
});

test('a hint only where the memory does not suffice', () => {
  const limit = { bytes: 2 * GIB, from: 'cgroup' };
  expect(memoryHint(2 * GIB, limit)).toBeUndefined();
  expect(memoryHint(2.5 * GIB, limit)).toMatch(/2\.5 GiB .* 2\.0 GiB \(cgroup\).* A batch size of 1/);
});

test.each([
  ['f32', amx, /The precision bf16/],
  ['f32', { ...plain, avx512Bf16: true }, /twice as fast/],
  ['f32', plain, undefined],
  ['bf16', plain, /the precision f32/],
  ['bf16', amx, undefined],
] as const)('a hint for %s only where another precision is much faster', (precision, cpu, expected) => {
  const hint = precisionHint(precision, precision, vgg16(), cpu);
  if (expected === undefined) expect(hint).toBeUndefined();
  else expect(hint).toMatch(expected);
  expect(precisionHint(precision, precision, tiny, cpu)).toBeUndefined();
});

describe('int8', () => {
  const vnni = { ...plain, avx512Vnni: true };
  const asked = { ...auto, precision: 'int8' } as const;

  it.each([vnni, { ...plain, avxVnni: true }, { ...plain, amxInt8: true }])(
    'runs where the processor has it: %o',
    (cpu) => {
      const { precision, chosen } = resolveSettings(asked, vgg16(), cpu, limits(2, 64), { int8: true });
      expect(precision).toBe('int8');
      expect(chosen.precision).toBeUndefined();
      expect(precisionHint('int8', precision, vgg16(), cpu)).toBeUndefined();
    },
  );

  it('gives way to f32 where it has not, and says so, for a small model too', () => {
    const { precision, chosen } = resolveSettings(asked, vgg16(), plain, limits(2, 64), { int8: true });
    expect(precision).toBe('f32');
    expect(chosen.precision).toBe('CPU without int8');
    for (const network of [vgg16(), tiny]) {
      expect(precisionHint('int8', precision, network, plain)).toContain(
        'no int8 instructions (VNNI, AMX): running in f32',
      );
    }
  });

  it('is named where a model that is made for it runs in another precision, and the processor has it', () => {
    const needs = { int8: true };
    expect(precisionHint('f32', 'f32', vgg16(), vnni, needs)).toMatch(/quantised: the precision int8/);
    expect(precisionHint('bf16', 'bf16', vgg16(), { ...amx, amxInt8: true }, needs)).toMatch(/faster than bf16/);
    expect(precisionHint('int8', 'int8', vgg16(), vnni, needs)).toBeUndefined();
    expect(precisionHint('f32', 'f32', vgg16(), plain, needs)).toBeUndefined();
    expect(precisionHint('f32', 'f32', vgg16(), vnni)).toBeUndefined();
    expect(precisionHint('f32', 'f32', tiny, vnni, needs)).toBeUndefined();
  });

  it('is chosen by auto for a model that is made for it, where the processor has it', () => {
    expect(resolveSettings(auto, vgg16(), vnni, limits(2, 64), { int8: true }).precision).toBe('int8');
    expect(resolveSettings(auto, vgg16(), vnni, limits(2, 64)).precision).toBe('f32');
    expect(resolveSettings(auto, vgg16(), plain, limits(2, 64), { int8: true }).precision).toBe('f32');
  });
});

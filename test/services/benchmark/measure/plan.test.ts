import { describe, expect, it } from 'vitest';
import type { CpuFeatures } from '../../../../src/machine/cpu.js';
import { vgg16 } from '../../../../src/network/architecture.js';
import { DECODE_BATCH, type PlanOptions, planSteps } from '../../../../src/services/benchmark/measure/plan.js';
import { resolveSettings } from '../../../../src/services/pipeline/settings.js';

const CPU: CpuFeatures = {
  model: 'a CPU without bfloat16',
  ...{
    avx2: true,
    avx512f: false,
    avx512Vnni: false,
    avxVnni: false,
    avx512Bf16: false,
    amxBf16: false,
    amxInt8: false,
  },
};

const plan = (options: Partial<PlanOptions>) =>
  planSteps(
    { parts: ['model'], precisions: ['f32'], batchSizes: [8], threads: [2], workers: 3, ...options },
    vgg16(),
    CPU,
  );

describe('planSteps', () => {
  it('measures every combination of precision, threads and batch size', () => {
    const steps = plan({ precisions: ['f32', 'bf16'], batchSizes: [1, 16], threads: [1, 2] });
    expect(steps.map(({ precision, threads, batchSize }) => `${precision} ${threads} ${batchSize}`)).toEqual([
      'f32 1 1',
      'f32 1 16',
      'f32 2 1',
      'f32 2 16',
      'bf16 1 1',
      'bf16 1 16',
      'bf16 2 1',
      'bf16 2 16',
    ]);
  });

  it('measures what does not depend on them once', () => {
    const steps = plan({ parts: ['decode', 'preprocess', 'pipeline'], batchSizes: [1, 2] });
    expect(steps).toEqual([
      { part: 'decode', precision: null, batchSize: DECODE_BATCH, threads: null, workers: 3 },
      { part: 'preprocess', precision: null, batchSize: DECODE_BATCH, threads: null, workers: 3 },
      { part: 'pipeline', precision: 'f32', batchSize: 1, threads: 2, workers: 3 },
      { part: 'pipeline', precision: 'f32', batchSize: 2, threads: 2, workers: 3 },
    ]);
  });

  it('measures what "auto" comes down to, and once where that is asked for too', () => {
    const requested = { precision: 'auto', batchSize: 'auto', threads: 2, workers: 3 } as const;
    const { precision, batchSize, threads } = resolveSettings(requested, vgg16(), CPU);
    const steps = plan({ precisions: ['auto', precision], batchSizes: ['auto', batchSize] });
    expect(steps).toEqual([{ part: 'model', precision, batchSize, threads, workers: null }]);
  });
});

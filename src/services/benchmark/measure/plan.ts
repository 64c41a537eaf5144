/** What is measured, and in what order: every part with every combination of settings that it depends on. */

import type { CpuFeatures } from '../../../machine/cpu.js';
import type { Architecture } from '../../../network/architecture.js';
import type { Precision } from '../../../network/precision.js';
import { type RunSettings, resolveSettings } from '../../pipeline/settings.js';
import { type MeasuredPart, type ResultKey, sameKey } from '../report/report.js';

/** Images that are timed together where no network says how many: some tenths of a second of decoding. */
export const DECODE_BATCH = 64;

export interface PlanOptions {
  readonly parts: readonly MeasuredPart[];
  readonly precisions: readonly (Precision | 'auto')[];
  readonly batchSizes: readonly (number | 'auto')[];
  /** TensorFlow's. */
  readonly threads: readonly (number | 'auto')[];
  readonly workers: number | 'auto';
}

export interface Step extends ResultKey {
  readonly workers: number | null;
}

/** 'auto' is resolved, and what then is the same is measured once. */
export function planSteps(options: PlanOptions, architecture: Architecture, cpu: CpuFeatures): readonly Step[] {
  const combinations = settingsOf(options, architecture, cpu);
  const steps = options.parts.flatMap((part): Step[] => {
    if (part === 'model') return combinations.map((settings) => stepOf(part, settings, null));
    if (part === 'pipeline') return combinations.map((settings) => stepOf(part, settings, settings.workers));
    const workers = combinations[0]?.workers ?? null;
    return [{ part, precision: null, batchSize: DECODE_BATCH, threads: null, workers }];
  });
  return steps.filter((step, i) => steps.findIndex((other) => sameKey(other, step)) === i);
}

function settingsOf(
  { precisions, batchSizes, threads, workers }: PlanOptions,
  architecture: Architecture,
  cpu: CpuFeatures,
): RunSettings[] {
  return precisions.flatMap((precision) =>
    threads.flatMap((count) =>
      batchSizes.map((batchSize) =>
        // What is asked for is measured: int8 also where classify would run in f32 instead.
        precision === 'int8'
          ? {
              ...resolveSettings({ precision: 'f32', threads: count, batchSize, workers }, architecture, cpu),
              precision,
            }
          : resolveSettings({ precision, threads: count, batchSize, workers }, architecture, cpu),
      ),
    ),
  );
}

function stepOf(part: MeasuredPart, { precision, batchSize, threads }: RunSettings, workers: number | null): Step {
  return { part, precision, batchSize, threads, workers };
}

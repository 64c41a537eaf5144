/** Settings that follow from the machine and the model when nobody has chosen them: pure functions of both. */

import { type Architecture, layersOf } from '../model/architecture.js';
import { availableThreads, type CpuFeatures } from '../model/cpu.js';
import type { Precision } from '../model/engine.js';

/** Work in one automatic batch, in multiply-accumulates: about a second of full-size VGG-16 in float32 on two cores. */
const MACS_PER_BATCH = 250e9;

/** Past this, larger batches gain nothing and only hold back the first rows. */
const MAX_BATCH = 256;

/** Decoders for each thread: enough to keep the cores busy while others wait for the disk. */
const DECODERS_PER_THREAD = 2;

/** Multiply-accumulates an image above which the convolutions' precision decides the speed. */
const LARGE_MODEL_MACS = 1e9;

/** What was decided for a run, for people and for the run record. */
export interface RunSettings {
  /** Images a batch. */
  readonly batchSize: number;
  /** Images decoded at the same time. */
  readonly workers: number;
  /** Threads of TensorFlow's kernels. */
  readonly threads: number;
  readonly precision: Precision;
}

/** The same settings as asked for, where 'auto' leaves the choice to the machine and the model. */
export interface RequestedSettings {
  readonly batchSize: number | 'auto';
  readonly workers: number | 'auto';
  readonly threads: number | 'auto';
  readonly precision: Precision | 'auto';
}

/** Multiply-accumulates of one image. */
export function macsOf(architecture: Architecture): number {
  return layersOf(architecture).reduce((sum, { macs }) => sum + macs, 0);
}

export function resolveSettings(
  requested: RequestedSettings,
  architecture: Architecture,
  cpu: CpuFeatures,
  cores: number = availableThreads(),
): RunSettings {
  const threads = requested.threads === 'auto' ? cores : requested.threads;
  return {
    batchSize: requested.batchSize === 'auto' ? automaticBatchSize(architecture) : requested.batchSize,
    workers: requested.workers === 'auto' ? DECODERS_PER_THREAD * cores : requested.workers,
    threads,
    precision: requested.precision === 'auto' ? automaticPrecision(cpu) : requested.precision,
  };
}

/** The largest power of two whose batch is at most MACS_PER_BATCH of work: 16 for VGG-16 at 224 pixels. */
export function automaticBatchSize(architecture: Architecture): number {
  const images = MACS_PER_BATCH / macsOf(architecture);
  return Math.min(MAX_BATCH, 2 ** Math.max(0, Math.floor(Math.log2(images))));
}

/** bfloat16 where the CPU multiplies it in tiles (AMX), else float32. */
export function automaticPrecision(cpu: CpuFeatures): Precision {
  return cpu.amxBf16 ? 'bf16' : 'f32';
}

/** One line for a user whose choice of precision costs much speed on this CPU. */
export function precisionHint(precision: Precision, architecture: Architecture, cpu: CpuFeatures): string | undefined {
  if (macsOf(architecture) < LARGE_MODEL_MACS) return undefined;
  if (precision === 'f32' && (cpu.amxBf16 || cpu.avx512Bf16)) {
    const faster = cpu.amxBf16
      ? 'several times faster on this CPU (AMX)'
      : 'about twice as fast on this CPU (AVX512-BF16)';
    return `--precision bf16 is ${faster}; logits keep about 3 digits.`;
  }
  if (precision === 'bf16' && !cpu.amxBf16 && !cpu.avx512Bf16) {
    return 'This CPU has no bfloat16 instructions: --precision f32 is faster here.';
  }
  return undefined;
}

/** Settings that follow from the machine and the model when nobody has chosen them: pure functions of both. */

import type { OutputRequest } from '../../engine/engine.js';
import { GIB, type MemoryLimit, MIB, memoryLimit, type NetworkMemory, networkMemory } from '../../engine/memory.js';
import { ADVICE } from '../../errors.js';
import { type CpuFeatures, hasBf16, hasInt8, type ThreadLimit, threadLimit } from '../../machine/cpu.js';
import { type Architecture, layersOf } from '../../network/architecture.js';
import type { Precision } from '../../network/precision.js';

/** Work in one automatic batch, in multiply-accumulates: about a second of full-size VGG-16 in float32 on two cores. */
const MACS_PER_BATCH = 250e9;

/** Past this, larger batches gain nothing and only hold back the first rows. */
const MAX_BATCH = 256;

/** Decoders for each thread: enough to keep the cores busy while others wait for the disk. */
export const DECODERS_PER_THREAD = 2;

/** Multiply-accumulates an image above which the convolutions' precision decides the speed. */
const LARGE_MODEL_MACS = 1e9;

/** libuv's threads in bin/run.js: more decoders would wait for one of them. */
const MAX_DECODERS = 64;

/**
 * Memory of a decoder, in bytes: a JPEG of 24 megapixels takes 70 to 75 MiB (measured). Most photos are smaller; a
 * progressive one of that size takes 130, a PNG with transparency 230.
 */
const DECODER_BYTES = 80 * MIB;

/**
 * Node, TensorFlow, sharp and the images that wait, in bytes: 437 MiB measured with `mini`, 314 of them the libraries' own
 * pages.
 */
const PROGRAM_BYTES = 460 * MIB;

/** Share of the memory that an automatic batch may fill: large photos and other processes need some, too. */
const MEMORY_SHARE = 0.7;

/** Share of what the program and the weights leave that decoders may take; batches matter more. */
const DECODERS_SHARE = 1 / 3;

type Automatic = 'batchSize' | 'workers' | 'threads' | 'precision';

/** What was decided for a run, for people and for the run record. */
export interface RunSettings {
  /** Images a batch; falls when the memory turns out to be too small. */
  readonly batchSize: number;
  /** Images decoded at the same time. */
  readonly workers: number;
  /** Threads of TensorFlow's kernels. */
  readonly threads: number;
  readonly precision: Precision;
  /** What decided each setting that nobody asked for, such as `cgroup 2.0` for `threads`. */
  readonly chosen: Readonly<Partial<Record<Automatic, string>>>;
}

/** The same settings as asked for, where 'auto' leaves the choice to the machine and the model. */
export interface RequestedSettings {
  readonly batchSize: number | 'auto';
  readonly workers: number | 'auto';
  readonly threads: number | 'auto';
  readonly precision: Precision | 'auto';
}

/** What this process may use. */
export interface Limits {
  readonly threads: ThreadLimit;
  readonly memory: MemoryLimit;
}

export function machineLimits(): Limits {
  return { threads: threadLimit(), memory: memoryLimit() };
}

/** Multiply-accumulates of one image. */
export function macsOf(architecture: Architecture): number {
  return layersOf(architecture).reduce((sum, { macs }) => sum + macs, 0);
}

/** What a model asks for beyond its architecture. */
export interface ModelNeeds {
  /** What the network is asked for; all of it is planned for unless it is said. */
  readonly outputs?: readonly OutputRequest[];
  /** Whether the model carries what int8 needs, and int8 gives what is asked for. */
  readonly int8?: boolean;
}

export function resolveSettings(
  requested: RequestedSettings,
  architecture: Architecture,
  cpu: CpuFeatures,
  limits: Limits = machineLimits(),
  { outputs, int8 = false }: ModelNeeds = {},
): RunSettings {
  const chosen: Partial<Record<Automatic, string>> = {};
  const choose = <T extends number | string>(name: Automatic, asked: T | 'auto', automatic: () => [T, string]): T => {
    if (asked !== 'auto') return asked as T;
    const [value, reason] = automatic();
    chosen[name] = reason;
    return value;
  };
  const asked = requested.precision === 'int8' && !hasInt8(cpu) ? 'auto' : requested.precision;
  const precision = choose('precision', asked, () =>
    requested.precision === 'int8' ? ['f32', 'CPU without int8'] : [automaticPrecision(cpu, int8), 'CPU'],
  );
  const threads = choose('threads', requested.threads, () => [limits.threads.threads, limits.threads.from]);
  const need = networkMemory(architecture, precision, outputs);
  const memory = `memory ${(limits.memory.bytes / GIB).toFixed(1)} GiB (${limits.memory.from})`;
  const workers = choose('workers', requested.workers, () => {
    const wanted = Math.min(MAX_DECODERS, DECODERS_PER_THREAD * limits.threads.threads);
    const fitting = fittingDecoders(limits.memory.bytes - PROGRAM_BYTES - need.loading);
    return fitting < wanted ? [fitting, memory] : [wanted, `${DECODERS_PER_THREAD} a processor`];
  });
  const batchSize = choose('batchSize', requested.batchSize, () => {
    const wanted = automaticBatchSize(architecture);
    const fitting = fittingBatchSize(MEMORY_SHARE * limits.memory.bytes - fixedBytes(workers), need);
    return fitting < wanted ? [fitting, memory] : [wanted, 'model'];
  });
  return { batchSize, workers, threads, precision, chosen };
}

/** The largest power of two whose batch is at most MACS_PER_BATCH of work: 16 for VGG-16 at 224 pixels. */
export function automaticBatchSize(architecture: Architecture): number {
  return Math.min(MAX_BATCH, powerOfTwo(MACS_PER_BATCH / macsOf(architecture)));
}

/** Bytes that a run takes at its peak, with photos of 24 megapixels; runs on small ones took 0.68 to 0.9 of it. */
export function memoryNeed(
  { batchSize, workers, precision }: RunSettings,
  architecture: Architecture,
  outputs?: readonly OutputRequest[],
): number {
  const { loading, weights, perImage } = networkMemory(architecture, precision, outputs);
  return fixedBytes(workers) + Math.max(loading, weights + batchSize * perImage);
}

/** One line where the memory is not even enough for the batch that was asked for, or for the smallest. */
export function memoryHint(need: number, { bytes, from }: MemoryLimit): string | undefined {
  if (need <= bytes) return undefined;
  const [needs, has] = [need, bytes].map((value) => `${(value / GIB).toFixed(1)} GiB`);
  return `This run may take ${needs} of memory and has ${has} (${from}): it may be killed. ${ADVICE.leastMemory}`;
}

function fixedBytes(workers: number): number {
  return PROGRAM_BYTES + workers * DECODER_BYTES;
}

function fittingDecoders(left: number): number {
  return Math.max(1, Math.floor((DECODERS_SHARE * left) / DECODER_BYTES));
}

function fittingBatchSize(left: number, { weights, perImage }: NetworkMemory): number {
  return powerOfTwo((left - weights) / perImage);
}

/** The largest one that is not larger; 1 where there is none. */
function powerOfTwo(most: number): number {
  return most < 1 ? 1 : 2 ** Math.floor(Math.log2(most));
}

/** int8 where the model is made for it and the CPU has it, bfloat16 where the CPU multiplies it, else float32. */
export function automaticPrecision(cpu: CpuFeatures, int8 = false): Precision {
  if (int8 && hasInt8(cpu)) return 'int8';
  return hasBf16(cpu) ? 'bf16' : 'f32';
}

/** One line for a user whose choice of precision costs much speed on this CPU. */
export function precisionHint(
  requested: RequestedSettings['precision'],
  precision: Precision,
  architecture: Architecture,
  cpu: CpuFeatures,
  { int8 = false }: Pick<ModelNeeds, 'int8'> = {},
): string | undefined {
  if (requested === 'int8' && precision === 'f32') {
    return 'This CPU has no int8 instructions (VNNI, AMX): running in f32, which is faster here.';
  }
  if (macsOf(architecture) < LARGE_MODEL_MACS) return undefined;
  if (int8 && precision !== 'int8' && hasInt8(cpu)) {
    return `This model is quantised: ${ADVICE.tryInt8} several times faster than ${precision} on this CPU.`;
  }
  if (precision === 'f32' && hasBf16(cpu)) {
    const faster = cpu.amxBf16
      ? 'several times faster on this CPU (AMX)'
      : 'about twice as fast on this CPU (AVX512-BF16)';
    return `${ADVICE.tryBf16} ${faster}; logits keep about 3 digits.`;
  }
  if (precision === 'bf16' && !hasBf16(cpu)) {
    return `This CPU has no bfloat16 instructions: ${ADVICE.tryF32} faster here.`;
  }
  return undefined;
}

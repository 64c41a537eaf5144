/** Memory: how much this process may use, and how much the network needs. */

import { totalmem } from 'node:os';
import { cgroupMemory, type ReadText, readText } from '../machine/cgroup.js';
import { type Architecture, type Layer, layersOf } from '../network/architecture.js';
import { outputSpecOf } from '../network/layer-names.js';
import { layersFor } from '../network/needed-layers.js';
import type { OutputRequest } from '../network/output-request.js';
import type { Arithmetic } from '../network/precision.js';
import { elementCount } from '../shape.js';

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** Bytes that this process may use, and what says so: `cgroup`, `Slurm`, `free` (memory of the machine). */
export interface MemoryLimit {
  readonly bytes: number;
  readonly from: string;
}

/** The smallest of what the control groups, Slurm and the machine's free memory allow. */
export function memoryLimit(env: NodeJS.ProcessEnv = process.env, read: ReadText = readText): MemoryLimit {
  const limits: MemoryLimit[] = [{ bytes: freeMemory(read), from: 'free' }];
  const slurm = slurmMemory(env);
  if (slurm !== undefined) limits.push({ bytes: slurm, from: 'Slurm' });
  const group = cgroupMemory(read);
  if (group !== undefined) limits.push({ bytes: group, from: 'cgroup' });
  return limits.reduce((least, limit) => (limit.bytes <= least.bytes ? limit : least));
}

/** What Linux could give without swapping; elsewhere all memory, since what caches hold does not count as free there. */
function freeMemory(read: ReadText): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo') ?? '')?.[1];
  return kilobytes === undefined ? totalmem() : Number(kilobytes) * 1024;
}

/** Bytes of address space left below `ulimit -v`, which some clusters set; undefined without one. */
export function addressSpaceLeft(read: ReadText = readText): number | undefined {
  const limit = /^Max address space\s+(\d+)\s/m.exec(read('/proc/self/limits') ?? '')?.[1];
  const used = /^VmSize:\s+(\d+) kB$/m.exec(read('/proc/self/status') ?? '')?.[1];
  return limit === undefined || used === undefined ? undefined : Number(limit) - Number(used) * 1024;
}

/** Slurm's `--mem` shared out among the tasks of a node, or its `--mem-per-cpu`, in MiB; 0 there is all of the node. */
export function slurmMemory(env: NodeJS.ProcessEnv): number | undefined {
  const whole = (name: string) => (/^[1-9]\d*$/.test(env[name] ?? '') ? Number(env[name]) : undefined);
  const node = whole('SLURM_MEM_PER_NODE');
  if (node !== undefined) return (node * MIB) / (whole('SLURM_NTASKS_PER_NODE') ?? 1);
  const cpu = whole('SLURM_MEM_PER_CPU');
  return cpu === undefined ? undefined : cpu * MIB * (whole('SLURM_CPUS_PER_TASK') ?? 1);
}

/** Bytes: the larger of `loading` and `weights` + N × `perImage` is the peak of a run in batches of N. */
export interface NetworkMemory {
  /** Of the weights while they are read: as they are fed, and the variables. */
  readonly loading: number;
  /** Of the variables. */
  readonly weights: number;
  readonly perImage: number;
}

/** Bytes of an activation. int8's are one byte, but bytes and their neighbours' larger types are alive together. */
const ACTIVATION_BYTES: Readonly<Record<Arithmetic, number>> = { f32: 4, bf16: 2, int8: 2, 'int8-simulated': 4 };

/** Bytes of a weight's variable. */
const VARIABLE_BYTES: Readonly<Record<Arithmetic, number>> = { f32: 4, bf16: 2, int8: 1, 'int8-simulated': 4 };

/** Bytes of a weight as it is fed, at most. */
const FEED_BYTES = 4;

/** An output is in TensorFlow, in the rows that wait and in those that are being written. */
const OUTPUT_COPIES = 3;

/** Batches of decoded pixels: two wait, two are in the engine, whose buffers are copies, and one comes in. */
const INPUT_COPIES = 7;

/**
 * What the network needs as far as the last of `outputs` (all of it unless said). Held against measured peaks of VGG-16 in
 * float32 at batches of 1 to 64 and of its convolutions alone: test/services/pipeline/settings.test.ts.
 */
export function networkMemory(
  architecture: Architecture,
  arithmetic: Arithmetic,
  outputs: readonly OutputRequest[] = [{ kind: 'top_k', k: 1 }],
): NetworkMemory {
  const layers = neededLayers(architecture, outputs);
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const weights = parameters * VARIABLE_BYTES[arithmetic];
  const pixels = INPUT_COPIES * elementCount(layers[0]?.inputShape ?? []);
  const results = outputs.map((output) => {
    if (output.kind !== 'layer') return 0;
    const { shape, dtype } = outputSpecOf(architecture, output);
    return OUTPUT_COPIES * elementCount(shape) * (dtype === 'f16' ? 2 : 4);
  });
  return {
    loading: weights + parameters * FEED_BYTES,
    weights,
    perImage: activationBytes(architecture, arithmetic, outputs) + results.reduce((a, b) => a + b, pixels),
  };
}

/**
 * Bytes of one image's activations that are alive at the same time: a layer's input and output, and the larger of them once
 * more, since oneDNN changes the order of the axes. 37 MiB for VGG-16 in float32, in conv1_2.
 */
export function activationBytes(
  architecture: Architecture,
  arithmetic: Arithmetic,
  outputs: readonly OutputRequest[] = [{ kind: 'top_k', k: 1 }],
): number {
  const values = neededLayers(architecture, outputs).map(({ inputShape, outputShape }) => {
    const [before, after] = [elementCount(inputShape), elementCount(outputShape)];
    return before + after + Math.max(before, after);
  });
  return ACTIVATION_BYTES[arithmetic] * Math.max(...values);
}

/** All where best classes are asked of a network that has none: the engine refuses that in its own words. */
function neededLayers(architecture: Architecture, outputs: readonly OutputRequest[]): readonly Layer[] {
  const hasNone = architecture.classifier === null && outputs.some(({ kind }) => kind === 'top_k');
  return hasNone ? layersOf(architecture) : layersFor(architecture, outputs);
}

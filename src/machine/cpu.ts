/** What the processor can do, and how many threads this process may keep busy. */

import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { cgroupCpus, type ReadText, readText } from './cgroup.js';
import { grantedThreads } from './granted-threads.js';

export interface CpuFeatures {
  /** The maker's name for it, such as "Intel(R) Xeon(R) Platinum 8481C". */
  readonly model: string;
  readonly avx2: boolean;
  readonly avx512f: boolean;
  /** int8 products in AVX-512. */
  readonly avx512Vnni: boolean;
  /** int8 products in AVX2: processors without AVX-512. */
  readonly avxVnni: boolean;
  readonly avx512Bf16: boolean;
  /** bfloat16 matrix tiles: several times the speed of float32 (`--precision bf16`). */
  readonly amxBf16: boolean;
  readonly amxInt8: boolean;
}

/** Time for `sysctl` to answer, in milliseconds; it takes a few. */
const SYSCTL_TIMEOUT_MS = 5000;

/** The features of the processor that this process runs on. What cannot be found out counts as absent. */
export function cpuFeatures(): CpuFeatures {
  const text = process.platform === 'darwin' ? sysctl() : (readText('/proc/cpuinfo') ?? '');
  return parseCpuFeatures(text, cpus()[0]?.model.trim() || process.arch);
}

/**
 * Reads Linux's /proc/cpuinfo or the output of macOS's `sysctl machdep.cpu`. Both are lines of `name : value`; the
 * first processor stands for all. `model` is used where the text names none (Linux on ARM).
 */
export function parseCpuFeatures(text: string, model: string): CpuFeatures {
  const value = (name: string) => text.match(new RegExp(`^${name}[ \\t]*:(.*)$`, 'm'))?.[1]?.trim();
  const names = ['flags', 'machdep\\.cpu\\.features', 'machdep\\.cpu\\.leaf7_features'];
  const listed = names.map((name) => value(name) ?? '').join(' ');
  const flags = new Set(listed.toLowerCase().split(/\s+/));
  const has = (...spellings: string[]) => spellings.some((flag) => flags.has(flag));
  return {
    model: value('model name') || value('machdep\\.cpu\\.brand_string') || model,
    avx2: has('avx2'),
    avx512f: has('avx512f'),
    avx512Vnni: has('avx512_vnni', 'avx512vnni'),
    avxVnni: has('avx_vnni', 'avxvnni'),
    avx512Bf16: has('avx512_bf16', 'avx512bf16'),
    amxBf16: has('amx_bf16'),
    amxInt8: has('amx_int8'),
  };
}

/** Whether the CPU multiplies bfloat16: in tiles, or with `vdpbf16ps` at about twice the rate of float32. */
export function hasBf16({ avx512Bf16, amxBf16 }: CpuFeatures): boolean {
  return avx512Bf16 || amxBf16;
}

/** Whether int8 is faster than float32: with products of bytes that add up in 32 bits, without overflow between. */
export function hasInt8({ avx512Vnni, avxVnni, amxInt8 }: CpuFeatures): boolean {
  return avx512Vnni || avxVnni || amxInt8;
}

/** Threads, and what they follow from: `Slurm 4`, `cgroup 2.0`, `processors 64`. */
export interface ThreadLimit {
  readonly threads: number;
  readonly from: string;
}

/** `threadLimit` without its reason. */
export function availableThreads(env: NodeJS.ProcessEnv = process.env): number {
  return threadLimit(env).threads;
}

/**
 * Threads that this process may keep busy: what the job engine gave it, else the CPU quota of its control group, else
 * every processor; in each case no more than `processors`, those that it may run on (its affinity).
 */
export function threadLimit(
  env: NodeJS.ProcessEnv = process.env,
  read: ReadText = readText,
  processors: number = availableParallelism(),
): ThreadLimit {
  const granted = grantedThreads(env) ?? cgroupThreads(read);
  if (granted === undefined || granted.threads > processors) {
    return { threads: processors, from: `processors ${processors}` };
  }
  return granted;
}

/**
 * A part of a processor is dropped: a thread too many is stopped by the kernel in every period, and the others then wait
 * for it.
 */
function cgroupThreads(read: ReadText): ThreadLimit | undefined {
  const cpus = cgroupCpus(read);
  return cpus === undefined ? undefined : { threads: Math.max(1, Math.floor(cpus)), from: `cgroup ${cpus.toFixed(1)}` };
}

function sysctl(): string {
  return spawnSync('sysctl', ['machdep.cpu'], { encoding: 'utf8', timeout: SYSCTL_TIMEOUT_MS }).stdout ?? '';
}

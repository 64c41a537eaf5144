/** What the processor can do, and how many threads this process may keep busy. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { posix } from 'node:path';

export interface CpuFeatures {
  /** The maker's name for it, such as "Intel(R) Xeon(R) Platinum 8481C". */
  readonly model: string;
  readonly avx2: boolean;
  readonly avx512f: boolean;
  /** int8 products in AVX-512. */
  readonly avx512Vnni: boolean;
  readonly avx512Bf16: boolean;
  /** bfloat16 matrix tiles: several times the speed of float32 (`--precision bf16`). */
  readonly amxBf16: boolean;
  readonly amxInt8: boolean;
}

/** Reads a small file; undefined where there is none. Tests pass their own. */
export type ReadText = (path: string) => string | undefined;

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
    avx512Bf16: has('avx512_bf16', 'avx512bf16'),
    amxBf16: has('amx_bf16'),
    amxInt8: has('amx_int8'),
  };
}

/**
 * Threads that this process may keep busy: what Slurm gave the task, else the CPU quota of its control group, else
 * every processor; in each case no more than the processors it may run on (its affinity).
 */
export function availableThreads(env: NodeJS.ProcessEnv = process.env): number {
  const processors = availableParallelism();
  const granted = slurmThreads(env) ?? cgroupThreads(readText) ?? processors;
  return Math.min(granted, processors);
}

/** Slurm's `--cpus-per-task`; undefined outside a Slurm task. */
export function slurmThreads(env: NodeJS.ProcessEnv): number | undefined {
  const value = env.SLURM_CPUS_PER_TASK ?? '';
  return /^[1-9]\d*$/.test(value) ? Number(value) : undefined;
}

/**
 * The CPU quota of this process's control group (version 2 or 1) in whole processors, at least 1; undefined without
 * one. A part of a processor is dropped: a thread too many is stopped by the kernel in every period, and the others
 * then wait for it. A quota of any group above holds too, so the smallest counts.
 */
export function cgroupThreads(read: ReadText): number | undefined {
  const quotas = [...cpuGroups(read('/proc/self/cgroup') ?? '')].flatMap(({ root, path, version }) =>
    withParents(path).map((group) => readQuota(read, posix.join(root, group), version)),
  );
  const limits = quotas.filter((quota) => quota !== undefined);
  return limits.length === 0 ? undefined : Math.max(1, Math.floor(Math.min(...limits)));
}

interface CpuGroup {
  readonly root: string;
  readonly path: string;
  readonly version: 1 | 2;
}

/** The groups that can limit CPU time, from /proc/self/cgroup: lines of `id:controllers:path`, version 2's with id 0. */
function* cpuGroups(text: string): Generator<CpuGroup> {
  for (const line of text.split('\n')) {
    const [id, controllers = '', ...path] = line.split(':');
    if (path.length === 0) continue;
    if (id === '0' && controllers === '') yield { root: '/sys/fs/cgroup', path: path.join(':'), version: 2 };
    if (controllers.split(',').includes('cpu')) {
      yield { root: '/sys/fs/cgroup/cpu', path: path.join(':'), version: 1 };
    }
  }
}

/** `/a/b` → `/a/b`, `/a`, `/`. In a container the path may be the host's: then only the last is there. */
function withParents(path: string): string[] {
  return path === '/' ? ['/'] : [path, ...withParents(posix.dirname(posix.join('/', path)))];
}

/** Processors' worth of CPU time per period; undefined where the group is not there or has no limit. */
function readQuota(read: ReadText, group: string, version: 1 | 2): number | undefined {
  const text =
    version === 2
      ? read(posix.join(group, 'cpu.max'))
      : `${read(posix.join(group, 'cpu.cfs_quota_us'))} ${read(posix.join(group, 'cpu.cfs_period_us'))}`;
  const [quota = Number.NaN, period = Number.NaN] = (text ?? '').trim().split(/\s+/).map(Number);
  return quota > 0 && period > 0 ? quota / period : undefined; // "max", -1 and a missing file are no limit
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function sysctl(): string {
  return spawnSync('sysctl', ['machdep.cpu'], { encoding: 'utf8', timeout: SYSCTL_TIMEOUT_MS }).stdout ?? '';
}

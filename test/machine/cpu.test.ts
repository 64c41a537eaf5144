import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { availableThreads, cpuFeatures, parseCpuFeatures, threadLimit } from '../../src/machine/cpu.js';

/** Lines of /proc/cpuinfo as kernels print them, shortened to the features in question. */
const SAPPHIRE_RAPIDS = `processor	: 0
vendor_id	: GenuineIntel
model		: 143
model name	: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags		: fpu sse4_2 avx f16c avx2 avx512f avx512_bf16 avx512_vnni amx_bf16 avx512_fp16 amx_tile amx_int8

processor	: 1
model name	: another
flags		: fpu
`;
const ZEN_4 = 'model name	: AMD EPYC\nflags		: avx avx2 avx512f avx512_bf16 avx512vbmi avx512_vnni\n';
const SKYLAKE_X = 'model name	: Intel(R) Xeon(R) Gold 6148\nflags		: avx avx2 avx512f avx512dq\n';
const HASWELL_MAC = `machdep.cpu.brand_string: Intel(R) Core(TM) i5-4308U CPU @ 2.80GHz
machdep.cpu.features: FPU SSE4.2 AVX1.0 F16C
machdep.cpu.leaf7_features: BMI1 AVX2 ERMS
`;
const APPLE_M1 = 'machdep.cpu.cores_per_package: 8\nmachdep.cpu.brand_string: Apple M1\n';
const GRAVITON = 'processor	: 0\nBogoMIPS	: 243.75\nFeatures	: fp asimd bf16 i8mm\nCPU implementer	: 0x41\n';

describe('parseCpuFeatures', () => {
  const none = {
    avx2: false,
    avx512f: false,
    avx512Vnni: false,
    avxVnni: false,
    avx512Bf16: false,
    amxBf16: false,
    amxInt8: false,
  };

  it.each([
    [
      'Sapphire Rapids',
      SAPPHIRE_RAPIDS,
      {
        model: 'Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz',
        ...{ ...none, avx2: true, avx512f: true, avx512Vnni: true, avx512Bf16: true, amxBf16: true, amxInt8: true },
      },
    ],
    [
      'Zen 4, which has bf16 in AVX-512 but no AMX',
      ZEN_4,
      { ...none, model: 'AMD EPYC', avx2: true, avx512f: true, avx512Vnni: true, avx512Bf16: true },
    ],
    [
      'Skylake, whose AVX-512 has no VNNI',
      SKYLAKE_X,
      { ...none, model: 'Intel(R) Xeon(R) Gold 6148', avx2: true, avx512f: true },
    ],
    ['an Intel Mac by sysctl', HASWELL_MAC, { ...none, model: 'Intel(R) Core(TM) i5-4308U CPU @ 2.80GHz', avx2: true }],
    ['an Apple Mac by sysctl', APPLE_M1, { ...none, model: 'Apple M1' }],
    ['ARM Linux, which names no model', GRAVITON, { ...none, model: 'arm64' }],
    ['no text at all', '', { ...none, model: 'arm64' }],
  ])('reads %s', (_name, text, expected) => {
    expect(parseCpuFeatures(text, 'arm64')).toEqual(expected);
  });
});

describe('cpuFeatures', () => {
  it('names the processor of this machine', () => {
    expect(cpuFeatures().model).not.toBe('');
  });
});

describe('threadLimit', () => {
  const limit = (cpuMax: string, env: NodeJS.ProcessEnv = {}) => {
    const files: Record<string, string> = { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': cpuMax };
    return threadLimit(env, (path) => files[path], 64);
  };

  it.each([
    ['a container with 2 of 64 processors', '200000 100000', {}, 2, 'cgroup 2.0'],
    ['a part of a processor is dropped', '350000 100000', {}, 3, 'cgroup 3.5'],
    ['less than one processor is one', '20000 100000', {}, 1, 'cgroup 0.2'],
    ['no limit', 'max 100000', {}, 64, 'processors 64'],
    ['more than there are', '9900000 100000', {}, 64, 'processors 64'],
    ['Slurm comes before the control group', '200000 100000', { SLURM_CPUS_PER_TASK: '8' }, 8, 'Slurm 8'],
    ["Grid Engine's slots", '200000 100000', { NSLOTS: '4' }, 4, 'SGE 4'],
    ['more threads than there are processors', 'max 100000', { OMP_NUM_THREADS: '4096' }, 64, 'processors 64'],
    ['what makes no sense', '200000 100000', { NSLOTS: 'undefined', OMP_NUM_THREADS: '0' }, 2, 'cgroup 2.0'],
  ])('%s', (_name, cpuMax, env, threads, from) => {
    expect(limit(cpuMax, env)).toEqual({ threads, from });
  });
});

describe('availableThreads', () => {
  it('takes what Slurm gave the task', () => {
    expect(availableThreads({ SLURM_CPUS_PER_TASK: '1' })).toBe(1);
  });

  it('is never more than the processors that this process may run on', () => {
    expect(availableThreads({ SLURM_CPUS_PER_TASK: '4096' })).toBe(availableParallelism());
  });
});

import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { activationBytes, addressSpaceLeft, memoryLimit, networkMemory, slurmMemory } from '../../src/engine/memory.js';
import { vgg16 } from '../../src/network/architecture.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const MEMINFO = 'MemTotal:       65536000 kB\nMemFree:         1024000 kB\nMemAvailable:   33554432 kB\n';

describe('memoryLimit', () => {
  const limit = (env: NodeJS.ProcessEnv, files: Record<string, string>) => memoryLimit(env, (path) => files[path]);
  const group = (bytes: number) => ({
    '/proc/meminfo': MEMINFO,
    '/proc/self/cgroup': '0::/',
    '/sys/fs/cgroup/memory.max': String(bytes),
  });

  it.each([
    ['the free memory of a machine without limits', {}, { '/proc/meminfo': MEMINFO }, 32 * GIB, 'free'],
    ['the limit of a container', {}, group(4 * GIB), 4 * GIB, 'cgroup'],
    ['the free memory where the container may use more', {}, group(64 * GIB), 32 * GIB, 'free'],
    ["Slurm's memory of a node", { SLURM_MEM_PER_NODE: '8192' }, { '/proc/meminfo': MEMINFO }, 8 * GIB, 'Slurm'],
    ['the smaller of Slurm and the control group', { SLURM_MEM_PER_NODE: '8192' }, group(6 * GIB), 6 * GIB, 'cgroup'],
    ['all memory where nothing tells', {}, {}, totalmem(), 'free'],
  ])('is %s', (_name, env, files, bytes, from) => {
    expect(limit(env, files)).toEqual({ bytes, from });
  });

  it.each([
    ['for each processor', { SLURM_MEM_PER_CPU: '2048', SLURM_CPUS_PER_TASK: '3' }, 6 * GIB],
    ['for one processor', { SLURM_MEM_PER_CPU: '2048' }, 2 * GIB],
    ['shared by the tasks of a node', { SLURM_MEM_PER_NODE: '8192', SLURM_NTASKS_PER_NODE: '4' }, 2 * GIB],
    ['0, which is all of the node', { SLURM_MEM_PER_NODE: '0' }, undefined],
    ['nonsense', { SLURM_MEM_PER_NODE: 'many' }, undefined],
    ['nothing', {}, undefined],
  ])("understands Slurm's memory: %s", (_name, env, bytes) => {
    expect(slurmMemory(env)).toBe(bytes);
  });
});

describe('addressSpaceLeft', () => {
  const left = (space: string) => {
    const limits = `Limit                     Soft Limit           Hard Limit           Units\nMax address space         ${space}  bytes\n`;
    const files: Record<string, string> = {
      '/proc/self/limits': limits,
      '/proc/self/status': 'VmSize:\t 1048576 kB\n',
    };
    return addressSpaceLeft((path) => files[path]);
  };

  it('is what ulimit -v leaves', () => {
    expect(left('3221225472           4294967296')).toBe(2 * GIB);
  });

  it('is not known without a limit, or without Linux', () => {
    expect(left('unlimited            unlimited')).toBeUndefined();
    expect(addressSpaceLeft(() => undefined)).toBeUndefined();
  });
});

describe('networkMemory', () => {
  it('counts the 138,357,544 weights of VGG-16, as torchvision does', () => {
    expect(networkMemory(vgg16(), 'f32').weights).toBe(138_357_544 * 4);
    expect(networkMemory(vgg16(), 'bf16').weights).toBe(138_357_544 * 2);
  });

  it('leaves out layers that no output needs', () => {
    const { weights } = networkMemory(vgg16(), 'f32', [{ kind: 'layer', layer: 'pool5' }]);
    expect(weights).toBe(14_714_688 * 4); // torchvision's `features`
  });

  it('counts outputs as large as a layer', () => {
    const layer = { kind: 'layer', layer: 'conv1_2' } as const;
    const pooled = networkMemory(vgg16(), 'f32', [{ ...layer, pool: 'avg' }]).perImage;
    const whole = networkMemory(vgg16(), 'f32', [{ ...layer, pool: 'none' }]).perImage;
    expect(whole - pooled).toBeGreaterThanOrEqual(2 * 224 * 224 * 64 * 4);
  });

  it('needs no more than it must for a base without classifier', () => {
    const base = { ...vgg16(), classifier: null };
    expect(networkMemory(base, 'f32').weights).toBe(14_714_688 * 4);
  });
});

describe('activationBytes', () => {
  it('is three times the 224 x 224 x 64 numbers of conv1_2', () => {
    expect(activationBytes(vgg16(), 'f32') / MIB).toBeCloseTo(36.75, 2);
    expect(activationBytes(vgg16(), 'bf16') / MIB).toBeCloseTo(18.375, 3);
  });
});

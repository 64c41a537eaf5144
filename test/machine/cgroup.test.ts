import { describe, expect, it } from 'vitest';
import { cgroupCpus, cgroupMemory } from '../../src/machine/cgroup.js';

type Files = Record<string, string>;

const GIB = 2 ** 30;

describe('cgroupCpus', () => {
  const cpus = (files: Files) => cgroupCpus((path) => files[path]);

  it.each<[string, Files, number | undefined]>([
    ['a version 2 container', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '200000 100000\n' }, 2],
    ['a part of a processor', { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': '350000 100000' }, 3.5],
    ['no limit', { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': 'max 100000' }, undefined],
    [
      'a limit on a group above',
      {
        '/proc/self/cgroup': '0::/user.slice/job:7.scope',
        '/sys/fs/cgroup/user.slice/job:7.scope/cpu.max': '800000 100000',
        '/sys/fs/cgroup/user.slice/cpu.max': '400000 100000',
      },
      4,
    ],
    [
      'a version 1 group',
      {
        '/proc/self/cgroup': '4:memory:/a\n3:cpu,cpuacct:/docker/b\n2:cpuset:/c\n',
        '/sys/fs/cgroup/cpu/docker/b/cpu.cfs_quota_us': '600000\n',
        '/sys/fs/cgroup/cpu/docker/b/cpu.cfs_period_us': '100000\n',
      },
      6,
    ],
    [
      "the host's path, which the container does not have",
      {
        '/proc/self/cgroup': '1:cpu:/kubepods/pod1\n0::/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      },
      3,
    ],
    [
      'version 1 without a limit',
      {
        '/proc/self/cgroup': '1:cpu:/',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      },
      undefined,
    ],
    ['no control groups', {}, undefined],
  ])('%s', (_name, files, expected) => {
    expect(cpus(files)).toBe(expected);
  });
});

describe('cgroupMemory', () => {
  const memory = (files: Files) => cgroupMemory((path) => files[path]);

  it.each<[string, Files, number | undefined]>([
    [
      'a version 2 container',
      {
        '/proc/self/cgroup': '0::/\n',
        '/sys/fs/cgroup/memory.max': '4294967296\n',
        '/sys/fs/cgroup/memory.high': 'max\n',
      },
      4 * GIB,
    ],
    [
      'memory.high below memory.max',
      {
        '/proc/self/cgroup': '0::/',
        '/sys/fs/cgroup/memory.max': '4294967296',
        '/sys/fs/cgroup/memory.high': '3221225472',
      },
      3 * GIB,
    ],
    ['no limit', { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/memory.max': 'max\n' }, undefined],
    ['an empty file', { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/memory.max': '' }, undefined],
    [
      'a limit on a group above',
      {
        '/proc/self/cgroup': '0::/user.slice/job.scope',
        '/sys/fs/cgroup/user.slice/job.scope/memory.max': 'max',
        '/sys/fs/cgroup/user.slice/memory.max': '2147483648',
      },
      2 * GIB,
    ],
    [
      'a version 1 group',
      {
        '/proc/self/cgroup': '4:memory:/docker/b\n3:cpu,cpuacct:/c\n',
        '/sys/fs/cgroup/memory/docker/b/memory.limit_in_bytes': '1073741824\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      },
      GIB,
    ],
    [
      'version 1 without a limit',
      { '/proc/self/cgroup': '1:memory:/', '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712' },
      undefined,
    ],
    ['no control groups', {}, undefined],
  ])('%s', (_name, files, expected) => {
    expect(memory(files)).toBe(expected);
  });
});

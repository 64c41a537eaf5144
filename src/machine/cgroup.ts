/** What Linux's control groups, version 2 or 1, allow this process: of its group and all above, the smallest counts. */

import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** Reads a small file; undefined where there is none. Tests pass their own. */
export type ReadText = (path: string) => string | undefined;

export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Processors' worth of CPU time, not rounded; undefined without a limit. */
export function cgroupCpus(read: ReadText): number | undefined {
  return smallest(read, 'cpu', (group, version) => {
    const text =
      version === 2
        ? read(posix.join(group, 'cpu.max'))
        : `${read(posix.join(group, 'cpu.cfs_quota_us'))} ${read(posix.join(group, 'cpu.cfs_period_us'))}`;
    const [quota = Number.NaN, period = Number.NaN] = (text ?? '').trim().split(/\s+/).map(Number);
    return quota > 0 && period > 0 ? [quota / period] : []; // "max", -1 and a missing file are no limit
  });
}

/**
 * Bytes of memory; undefined without a limit. Past version 2's `memory.max` a process is killed, past `memory.high` it is
 * slowed down until it is of no use.
 */
export function cgroupMemory(read: ReadText): number | undefined {
  return smallest(read, 'memory', (group, version) => {
    const names = version === 2 ? ['memory.max', 'memory.high'] : ['memory.limit_in_bytes'];
    const values = names.map((name) => Number((read(posix.join(group, name)) ?? 'max').trim() || Number.NaN));
    return values.filter((bytes) => bytes > 0 && bytes < NO_LIMIT_BYTES); // "max" and a missing file are no limit
  });
}

/** Version 1 says "none" by the largest number of whole pages, about 2^63; no machine has this much. */
const NO_LIMIT_BYTES = 2 ** 60;

type Controller = 'cpu' | 'memory';

function smallest(
  read: ReadText,
  controller: Controller,
  limitsOf: (group: string, version: 1 | 2) => readonly number[],
): number | undefined {
  const limits = [...groupsOf(read('/proc/self/cgroup') ?? '', controller)].flatMap(({ root, path, version }) =>
    withParents(path).flatMap((group) => limitsOf(posix.join(root, group), version)),
  );
  return limits.length === 0 ? undefined : Math.min(...limits);
}

interface Group {
  readonly root: string;
  readonly path: string;
  readonly version: 1 | 2;
}

/** The groups that can limit, from /proc/self/cgroup: lines of `id:controllers:path`, version 2's with id 0. */
function* groupsOf(text: string, controller: Controller): Generator<Group> {
  for (const line of text.split('\n')) {
    const [id, controllers = '', ...path] = line.split(':');
    if (path.length === 0) continue;
    if (id === '0' && controllers === '') yield { root: '/sys/fs/cgroup', path: path.join(':'), version: 2 };
    if (controllers.split(',').includes(controller)) {
      yield { root: `/sys/fs/cgroup/${controller}`, path: path.join(':'), version: 1 };
    }
  }
}

/** `/a/b` → `/a/b`, `/a`, `/`. In a container the path may be the host's: then only the last is there. */
function withParents(path: string): string[] {
  return path === '/' ? ['/'] : [path, ...withParents(posix.dirname(posix.join('/', path)))];
}

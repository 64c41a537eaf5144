/**
 * `--shard I/N | auto | auto/N`: which share of the inputs this process takes. `auto` reads the variables of the job
 * engine; where they give no index, or an index without a count, it is an error: a silent 1/1 would make every task
 * do everything.
 */

import { usageError } from '../../errors.js';
import { FlagValueError } from './values.js';

/** The `index`-th of `count` shares, counting from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** As typed: a share, or `auto` with or without a count. */
export type ShardRequest = Shard | { readonly auto: true; readonly count: number | undefined };

type Environment = Readonly<Record<string, string | undefined>>;

const SHARES = 'a share such as 2/8 (from 1/N to N/N), auto, or auto/N';

/** More shares than any engine's arrays hold (Kubernetes: 100,000). */
const MAX_SHARES = 10_000_000;

export function parseShard(text: string): ShardRequest {
  const match = /^(?:(\d{1,8})\/(\d{1,8})|auto(?:\/(\d{1,8}))?)$/.exec(text);
  if (match === null) throw new FlagValueError(SHARES, text);
  const [, index, count, autoCount] = match;
  if (index === undefined) {
    const total = autoCount === undefined ? undefined : Number(autoCount);
    if (total !== undefined && (total < 1 || total > MAX_SHARES)) throw new FlagValueError(SHARES, text);
    return { auto: true, count: total };
  }
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index < 1 || shard.index > shard.count || shard.count > MAX_SHARES) throw new FlagValueError(SHARES, text);
  return shard;
}

/** What an engine's variables say: an index from 0, and a count where the engine gives one. */
interface Task {
  readonly index: number;
  readonly count: number | undefined;
  /** The index counts from the first task that was submitted, which need not be the first task of the work. */
  readonly indexIsRelative?: boolean;
}

interface Engine {
  readonly name: string;
  /** Undefined when the process does not run under this engine. */
  readonly read: (number: (variable: string) => number | undefined) => Task | undefined;
}

/** In this order: an array inside an allocation comes before the allocation's own processes. */
const ENGINES: readonly Engine[] = [
  {
    name: 'Slurm array',
    read: (number) => {
      const id = number('SLURM_ARRAY_TASK_ID');
      if (id === undefined) return undefined;
      const first = number('SLURM_ARRAY_TASK_MIN') ?? 0;
      const step = number('SLURM_ARRAY_TASK_STEP') ?? 1;
      return { index: (id - first) / step, count: number('SLURM_ARRAY_TASK_COUNT'), indexIsRelative: true };
    },
  },
  simple('Kubernetes Indexed Job', 'JOB_COMPLETION_INDEX'),
  simple('AWS Batch array', 'AWS_BATCH_JOB_ARRAY_INDEX', 'AWS_BATCH_JOB_ARRAY_SIZE'),
  simple('Google Batch', 'BATCH_TASK_INDEX', 'BATCH_TASK_COUNT'),
  simple('Cloud Run job', 'CLOUD_RUN_TASK_INDEX', 'CLOUD_RUN_TASK_COUNT'),
  {
    name: 'LSF array',
    read: (number) => {
      const index = number('LSB_JOBINDEX');
      // LSF sets 0 in jobs that are no array.
      return index === undefined || index === 0 ? undefined : { index: index - 1, count: number('LSB_JOBINDEX_END') };
    },
  },
  simple('PBS array', 'PBS_ARRAY_INDEX'),
  {
    name: 'SGE array',
    read: (number) => {
      const id = number('SGE_TASK_ID');
      if (id === undefined) return undefined;
      const first = number('SGE_TASK_FIRST') ?? 1;
      const step = number('SGE_TASK_STEPSIZE') ?? 1;
      const last = number('SGE_TASK_LAST');
      return {
        index: (id - first) / step,
        count: last === undefined ? undefined : Math.floor((last - first) / step) + 1,
      };
    },
  },
  simple('srun', 'SLURM_PROCID', 'SLURM_NTASKS'),
];

/** An engine that counts from 0 in `index`. */
function simple(name: string, index: string, count?: string): Engine {
  return {
    name,
    read: (number) => {
      const value = number(index);
      return value === undefined ? undefined : { index: value, count: count === undefined ? undefined : number(count) };
    },
  };
}

/** The same of this process's own environment; `undefined` where no share was asked for. */
export function resolvedShard(request: ShardRequest | undefined): Shard | undefined {
  return request === undefined ? undefined : resolveShard(request, process.env);
}

/** The share that `request` means under the engine whose variables are in `environment`. */
export function resolveShard(request: ShardRequest, environment: Environment): Shard {
  if (!('auto' in request)) return request;
  const number = (variable: string): number | undefined => {
    const text = environment[variable];
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined; // SGE: "undefined" outside arrays
  };
  for (const { name, read } of ENGINES) {
    const task = read(number);
    if (task === undefined) continue;
    const count = request.count ?? task.count;
    if (count === undefined) {
      throw usageError(
        `Expected a number of shares for --shard auto, but ${name}'s variables give only an index (${task.index}).`,
        'Type --shard auto/N with the number of tasks.',
      );
    }
    // One task submitted again alone: Slurm then says COUNT=1 and MIN=ID, and 1/1 would do all tasks' work.
    const resubmitted = request.count === undefined ? task.count === 1 : (task.count ?? count) !== request.count;
    if (task.indexIsRelative === true && resubmitted) {
      throw usageError(
        `Expected an array of ${request.count ?? 'several'} tasks for --shard auto, but its variables count ${task.count}: the place of this task in the whole is not known.`,
        'Type --shard I/N with the share that this task had in the whole array.',
      );
    }
    if (!Number.isInteger(task.index) || task.index < 0 || task.index >= count) {
      throw usageError(
        `Expected an index from 0 to ${count - 1} for --shard auto, but ${name}'s variables give ${task.index}.`,
        'Type --shard I/N, or auto/N with the number of tasks.',
      );
    }
    return { index: task.index + 1, count };
  }
  throw usageError(
    "Expected a job engine's variables for --shard auto, but none is set.",
    'Type --shard I/N, such as --shard 1/4.',
  );
}

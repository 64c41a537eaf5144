import { describe, expect, it } from 'vitest';
import { parseShard, resolveShard } from '../../../src/cli/flags/shard.js';

describe('parseShard', () => {
  it.each([
    ['1/1', { index: 1, count: 1 }],
    ['2/8', { index: 2, count: 8 }],
    ['auto', { auto: true, count: undefined }],
    ['auto/4', { auto: true, count: 4 }],
  ])('reads %s', (text, expected) => expect(parseShard(text)).toEqual(expected));

  it.each(['0/4', '5/4', '1/0', '-1/4', '1.5/4', '1', '/4', 'auto/0', 'auto/', 'Auto', ' 1/4', ''])(
    'refuses %j',
    (text) => expect(() => parseShard(text)).toThrow('a share such as 2/8'),
  );
});

const slurm = (id: number, min: number, count: number, step?: number) => ({
  SLURM_ARRAY_TASK_ID: `${id}`,
  SLURM_ARRAY_TASK_MIN: `${min}`,
  SLURM_ARRAY_TASK_COUNT: `${count}`,
  ...(step === undefined ? {} : { SLURM_ARRAY_TASK_STEP: `${step}` }),
});

describe('resolveShard', () => {
  it.each([
    ['Slurm array from 0', 'auto', slurm(2, 0, 4), 3, 4],
    ['Slurm array from 1', 'auto', slurm(1, 1, 4), 1, 4],
    ['Slurm array with a step', 'auto', slurm(14, 0, 8, 2), 8, 8],
    ['Slurm array with the same count typed', 'auto/4', slurm(5, 2, 4), 4, 4],
    ['a Slurm array before srun inside it', 'auto', { ...slurm(1, 0, 2), SLURM_PROCID: '0', SLURM_NTASKS: '1' }, 2, 2],
    ['srun', 'auto', { SLURM_PROCID: '3', SLURM_NTASKS: '4' }, 4, 4],
    ['Kubernetes with a count', 'auto/5', { JOB_COMPLETION_INDEX: '0' }, 1, 5],
    ['AWS Batch', 'auto', { AWS_BATCH_JOB_ARRAY_INDEX: '9', AWS_BATCH_JOB_ARRAY_SIZE: '10' }, 10, 10],
    ['AWS Batch with an older agent', 'auto/10', { AWS_BATCH_JOB_ARRAY_INDEX: '9' }, 10, 10],
    ['Google Batch', 'auto', { BATCH_TASK_INDEX: '1', BATCH_TASK_COUNT: '3' }, 2, 3],
    ['Cloud Run', 'auto', { CLOUD_RUN_TASK_INDEX: '0', CLOUD_RUN_TASK_COUNT: '3' }, 1, 3],
    ['LSF', 'auto', { LSB_JOBINDEX: '3', LSB_JOBINDEX_END: '3' }, 3, 3],
    ['PBS with a count', 'auto/3', { PBS_ARRAY_INDEX: '0' }, 1, 3],
    ['SGE', 'auto', { SGE_TASK_ID: '5', SGE_TASK_FIRST: '1', SGE_TASK_LAST: '7', SGE_TASK_STEPSIZE: '2' }, 3, 4],
    ['a share that was typed, whatever the engine says', '2/3', slurm(0, 0, 9), 2, 3],
  ])('%s', (_name, request, environment, index, count) => {
    expect(resolveShard(parseShard(request), environment)).toEqual({ index, count });
  });

  it.each([
    ['no engine', 'auto', {}, 'none is set'],
    ['no engine, with a count', 'auto/4', {}, 'none is set'],
    ['an index without a count', 'auto', { JOB_COMPLETION_INDEX: '2' }, 'give only an index (2)'],
    ['an index past the count', 'auto/2', { JOB_COMPLETION_INDEX: '2' }, 'Expected an index from 0 to 1'],
    [
      'one Slurm task submitted again alone',
      'auto',
      slurm(5, 5, 1),
      'the place of this task in the whole is not known',
    ],
    [
      'the same with the count of the whole',
      'auto/8',
      slurm(5, 5, 1),
      'the place of this task in the whole is not known',
    ],
    ['LSF outside an array', 'auto', { LSB_JOBINDEX: '0' }, 'none is set'],
    ['SGE outside an array', 'auto', { SGE_TASK_ID: 'undefined' }, 'none is set'],
  ])('is an error, never 1/1: %s', (_name, request, environment, message) => {
    expect(() => resolveShard(parseShard(request), environment)).toThrow(message);
  });
});

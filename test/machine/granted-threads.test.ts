import { describe, expect, it } from 'vitest';
import { grantedThreads } from '../../src/machine/granted-threads.js';

describe('grantedThreads', () => {
  it.each<[string, Record<string, string>, number, string]>([
    ['Slurm', { SLURM_CPUS_PER_TASK: '3' }, 3, 'Slurm 3'],
    ['Grid Engine', { NSLOTS: '4', NHOSTS: '1' }, 4, 'SGE 4'],
    ['LSF', { LSB_DJOB_NUMPROC: '8', LSB_MCPU_HOSTS: 'node17 8' }, 8, 'LSF 8'],
    ['PBS', { PBS_JOBID: '12.server', NCPUS: '6', OMP_NUM_THREADS: '2' }, 6, 'PBS 6'],
    ['Torque', { PBS_JOBID: '12.server', PBS_NUM_PPN: '5' }, 5, 'PBS 5'],
    ['a site whose PBS counts the whole job', { PBS_NCPUS: '48', PBS_NNODES: '1' }, 48, 'PBS 48'],
    ['a job file', { OMP_NUM_THREADS: '4' }, 4, 'OMP_NUM_THREADS 4'],
    ['nested OpenMP', { OMP_NUM_THREADS: '4,2' }, 4, 'OMP_NUM_THREADS 4'],
    ['an engine within a job file', { SLURM_CPUS_PER_TASK: '8', OMP_NUM_THREADS: '1' }, 8, 'Slurm 8'],
  ])('takes the word of %s', (_name, env, threads, from) => {
    expect(grantedThreads(env)).toEqual({ threads, from });
  });

  it.each<[string, Record<string, string>]>([
    ['no job', {}],
    ['slots of several machines', { NSLOTS: '64', NHOSTS: '4' }],
    ['processors of several machines', { LSB_DJOB_NUMPROC: '16', LSB_MCPU_HOSTS: 'a 8 b 8' }],
    ['nodes of PBS', { PBS_NCPUS: '96', PBS_NNODES: '2' }],
    ['NCPUS outside PBS', { NCPUS: '2' }],
  ])('is nothing for %s', (_name, env) => {
    expect(grantedThreads(env)).toBeUndefined();
  });

  it.each(['', '0', '-2', '2.5', 'many', '1e3', '99999999999', ' '])('ignores %j', (text) => {
    for (const name of ['SLURM_CPUS_PER_TASK', 'NSLOTS', 'LSB_DJOB_NUMPROC', 'PBS_NUM_PPN', 'OMP_NUM_THREADS']) {
      expect(grantedThreads({ [name]: text })).toBeUndefined();
    }
  });
});

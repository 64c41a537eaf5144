/** How many threads a job engine has given this process, by the variables that it sets. */

/** Threads, and whose word that is, for people: `Slurm 4`. */
export interface Grant {
  readonly threads: number;
  readonly from: string;
}

type Env = Readonly<Record<string, string | undefined>>;

interface Engine {
  readonly name: string;
  /** The variable that counts, where the engine has set one. */
  readonly variable: (env: Env) => string | undefined;
}

/** As documented by each: sbatch(1); qsub(1) of Grid Engine; LSF's "Environment variable reference"; pbs_resources(7), Torque's qsub. */
const ENGINES: readonly Engine[] = [
  { name: 'Slurm', variable: (env) => env.SLURM_CPUS_PER_TASK },
  // Slots and processors of the whole job: those of this machine where the job has one.
  { name: 'SGE', variable: (env) => (isOne(env.NHOSTS) ? env.NSLOTS : undefined) },
  { name: 'LSF', variable: (env) => (hostsOf(env.LSB_MCPU_HOSTS) === 1 ? env.LSB_DJOB_NUMPROC : undefined) },
  { name: 'PBS', variable: (env) => (env.PBS_JOBID === undefined ? undefined : env.NCPUS) },
  { name: 'PBS', variable: (env) => env.PBS_NUM_PPN },
  { name: 'PBS', variable: (env) => (isOne(env.PBS_NNODES) ? env.PBS_NCPUS : undefined) },
  // Set by PBS Pro, by many job files, and by whoever shares a machine; a list has a number for each level of nesting.
  { name: 'OMP_NUM_THREADS', variable: (env) => env.OMP_NUM_THREADS?.split(',')[0]?.trim() },
];

/** The first that makes sense, a whole number from 1; `undefined` outside a job. */
export function grantedThreads(env: Env): Grant | undefined {
  for (const { name, variable } of ENGINES) {
    const text = variable(env) ?? '';
    if (/^[1-9]\d{0,8}$/.test(text)) return { threads: Number(text), from: `${name} ${text}` };
  }
  return undefined;
}

/** Where the engine does not say how many machines there are it is one. */
function isOne(text: string | undefined): boolean {
  return text === undefined || text === '' || text === '1';
}

/** `node1 4 node2 4`: a host and its processors in turn. */
function hostsOf(text: string | undefined): number {
  return Math.max(1, (text ?? '').trim().split(/\s+/).length / 2);
}

/** A real Slurm on this machine for one test file: virtual nodes in a private folder, on the loopback address only. */

import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('cluster.sh', import.meta.url));

/** Starting takes about a second; a busy machine takes longer. */
const START_MS = 60_000;

const POLL_MS = 250;

const RUNNING = ['PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING', 'REQUEUED', 'SUSPENDED', 'STOPPED'];

/** Where the daemons are, which is not on every user's PATH. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Why no cluster can be started here; undefined where it can. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return 'Slurm needs Linux';
  if (process.getuid?.() !== 0) return 'the nodes can be started by root only';
  const isFound = (name: string) => PATH.split(':').some((directory) => existsSync(join(directory, name)));
  const absent = ['slurmctld', 'slurmd', 'sbatch', 'munged', 'unshare'].filter((name) => !isFound(name));
  if (absent.length > 0)
    return `${absent.join(', ')} not found: scripts/ci/packages.sh installs them on Debian and Ubuntu`;
  const ownName = spawnSync('unshare', ['--uts', 'true'], { env: { PATH }, stdio: 'ignore' });
  return ownName.status === 0 ? undefined : 'a host name of its own is not permitted here';
}

/** One job, or one task of an array, as Slurm shows it. */
export interface Task {
  /** Its number in the array; undefined for a job that is none, and for tasks that have not been looked at. */
  readonly index: number | undefined;
  /** COMPLETED, FAILED, … */
  readonly state: string;
  readonly exitCode: number;
  readonly restarts: number;
  readonly node: string;
}

export interface Cluster {
  /** What Slurm's commands need. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one of Slurm's commands, or a script that does; resolves to its stdout. */
  run(command: string, args: readonly string[]): Promise<string>;
  tasks(job: string): Promise<readonly Task[]>;
  /** Resolves once no task of `job` can run any more; throws with the logs when it takes longer than `seconds`. */
  end(job: string, seconds: number): Promise<readonly Task[]>;
  /** The ends of the jobs' logs and the daemons', for the message of a test that fails. */
  logs(): string;
  stop(): Promise<void>;
}

/** `folder` gets the cluster's files in `cluster/` and is where jobs are submitted; `env` is added to the jobs'. */
export async function startCluster(
  folder: string,
  { nodes, env = {} }: { readonly nodes: number; readonly env?: Readonly<Record<string, string>> },
): Promise<Cluster> {
  const home = join(folder, 'cluster');
  const daemons = spawn(SCRIPT, [home, String(await freePort()), String(nodes)], { env: { PATH }, stdio: 'pipe' });
  let stderr = '';
  daemons.stderr.on('data', (text) => {
    stderr += text;
  });
  const closed = new Promise<void>((resolve) => daemons.once('close', () => resolve()));
  const stop = async () => {
    daemons.stdin.end();
    await closed;
  };
  const ready = new Promise<true>((resolve) => daemons.stdout.once('data', () => resolve(true)));
  if ((await Promise.race([ready, closed, sleep(START_MS)])) !== true) {
    await stop();
    throw new Error(`Slurm did not start: ${stderr}`);
  }

  const clientEnv = { PATH, SLURM_CONF: join(home, 'slurm.conf'), ...env };
  const run = async (command: string, args: readonly string[]) =>
    (await promisify(execFile)(command, args, { cwd: folder, env: clientEnv })).stdout.trim();
  const tasks = async (job: string) =>
    (await run('scontrol', ['--oneliner', 'show', 'job', job])).split('\n').map(parseTask);
  const allLogs = () => logs(home) + logs(folder);
  const end = async (job: string, seconds: number) => {
    const limit = performance.now() + seconds * 1000;
    const since = new Map<string, number>();
    for (;;) {
      const all = await tasks(job);
      if (!all.some(({ state }) => RUNNING.includes(state))) return all;
      if (performance.now() > limit) {
        throw new Error(`Job ${job} runs after ${seconds} s: ${JSON.stringify(all)}\n${allLogs()}`);
      }
      await startRequeued(run, job, since);
      await sleep(POLL_MS);
    }
  };
  return { env: clientEnv, run, tasks, end, logs: allLogs, stop };
}

/**
 * A node refuses a task that it has killed in the same second ("already killed, do not launch"): its times are whole
 * seconds, and Slurm's own two minutes are far beyond.
 */
const REQUEUE_MS = 2500;

/** Slurm lets a task that it has put back wait for two minutes; here it starts soon. `since`: when each was first seen waiting. */
async function startRequeued(run: Cluster['run'], job: string, since: Map<string, number>): Promise<void> {
  const waiting = await run('squeue', ['--noheader', '--array', '--jobs', job, '--format', '%i %r']);
  for (const line of waiting.split('\n')) {
    const [id = '', reason] = line.split(' ');
    if (reason !== 'BeginTime') continue;
    const first = since.get(id) ?? performance.now();
    since.set(id, first);
    if (performance.now() - first < REQUEUE_MS) continue;
    since.delete(id);
    // It may have started meanwhile.
    await run('scontrol', ['update', `JobId=${id}`, 'StartTime=now']).catch(() => {});
  }
}

function parseTask(line: string): Task {
  const value = (key: string) => new RegExp(`(?:^| )${key}=([^ ]*)`).exec(line)?.[1] ?? '';
  const index = value('ArrayTaskId');
  return {
    index: /^\d+$/.test(index) ? Number(index) : undefined,
    state: value('JobState'),
    exitCode: Number(value('ExitCode').split(':')[0]),
    restarts: Number(value('Restarts')),
    node: value('NodeList'),
  };
}

function logs(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return files.map((name) => `--- ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-2000)}\n`).join('');
}

/** The first of a hundred ports; below those that outgoing connections get. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const port = 20_000 + 100 * Math.floor(Math.random() * 120);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('Expected a free port between 20000 and 32000 but there is none.');
}

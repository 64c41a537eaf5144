/** One job in a process of its own. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { epochMs, type Job, type JobMessage, type JobReply } from './jobs.js';

/** What is kept of the process's last words, in characters, for one that ends without an answer. */
const KEPT_STDERR = 2000;

export type BatchDone = Extract<JobReply, { readonly type: 'batch' }>;
export type JobAnswer = Exclude<JobReply, BatchDone>;

/**
 * Runs a job: yields an event for every batch that is done and returns the answer; a process that dies answers `failed`.
 * It is killed when `signal` is aborted, and in any case before this ends: the next job has the machine for itself.
 */
export async function* runJob(job: Job, signal: AbortSignal): AsyncGenerator<BatchDone, JobAnswer> {
  const started = epochMs();
  const child = fork(new URL('./child.js', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  try {
    const next = replies(child, { job, started });
    for (;;) {
      const reply = await next();
      if (reply.type !== 'batch') return reply;
      yield reply;
    }
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
    const ended = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
    if (!ended) await once(child, 'exit');
  }
}

/** Sends the job; each call of the result waits for the next reply. */
function replies(child: ChildProcess, message: JobMessage): () => Promise<JobReply> {
  const waiting: JobReply[] = [];
  let wake = () => {};
  const push = (reply: JobReply) => {
    waiting.push(reply);
    wake();
  };
  const failed = (text: string) => push({ type: 'failed', error: { code: 'INTERNAL', message: text, exitCode: 1 } });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-KEPT_STDERR);
  });
  child.on('message', push);
  child.on('error', (error) => failed(error.message));
  child.on('exit', (code, signal) => failed(endOf(code, signal, words)));
  child.send(message, () => {}); // a process that is gone already says so by its exit
  return async () => {
    for (;;) {
      const reply = waiting.shift();
      if (reply !== undefined) return reply;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

/** How the process ended. The kernel uses SIGKILL against one that takes too much memory. */
function endOf(code: number | null, signal: NodeJS.Signals | null, words: string): string {
  const how = signal === null ? `exit code ${code}` : `${signal}${signal === 'SIGKILL' ? ' (out of memory?)' : ''}`;
  const last = words.trim().split('\n').at(-1) ?? '';
  return `The measuring process ended with ${how}${last === '' ? '' : `: ${last}`}.`;
}

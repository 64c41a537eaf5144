/**
 * Runs commands of the program one after another in a process that stays: to start Node and TensorFlow anew takes longer
 * than most of what tests look at. What a process adds (exit, signals, pipes, limits, a second one beside it) is for
 * program.ts.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { environment, type Result, ROOT, type RunOptions } from './program.js';

type Stream = 'stdout' | 'stderr';

interface Host {
  readonly child: ChildProcess;
  readonly chunks: Readonly<Record<Stream, Buffer[]>>;
}

let host: Host | undefined;

/** Commands wait for each other: a process has one working directory and one environment. */
let last: Promise<unknown> = Promise.resolve();

afterAll(async () => {
  if (host === undefined) return;
  const ended = once(host.child, 'exit');
  host.child.disconnect();
  await ended;
});

function started(): Host {
  if (host !== undefined) return host;
  const child = spawn(process.execPath, [join(ROOT, 'test/e2e/helpers/host-process.mjs')], {
    cwd: ROOT,
    env: environment({ MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '64' }), // as bin/run.js
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  child.once('exit', () => {
    host = undefined;
  });
  host = { child, chunks };
  return host;
}

async function runNext(words: readonly string[], { cwd = ROOT, env, input = '' }: RunOptions): Promise<Result> {
  const { child, chunks } = started();
  for (const stream of ['stdout', 'stderr'] as const) chunks[stream].length = 0;
  const text = (stream: Stream) => Buffer.concat(chunks[stream]);
  const end = `\0${randomUUID()}\0`;
  const began = performance.now();
  const code = await new Promise<number>((resolve, reject) => {
    let ended: number | undefined;
    const settle = () => {
      child.off('message', onMessage).off('close', onClose);
      child.stdout?.off('data', check);
      child.stderr?.off('data', check);
    };
    const check = () => {
      if (ended === undefined || !text('stdout').includes(end) || !text('stderr').includes(end)) return;
      settle();
      resolve(ended);
    };
    const onMessage = (message: { readonly code: number }) => {
      ended = message.code;
      check();
    };
    const onClose = (status: number | null, signal: string | null) => {
      settle();
      reject(new Error(`${words.join(' ')} ended its process with ${signal ?? status}: ${text('stderr')}`));
    };
    child.on('message', onMessage).on('close', onClose);
    child.stdout?.on('data', check);
    child.stderr?.on('data', check);
    child.send({ words, cwd, env: environment(env), input: Buffer.from(input).toString('base64'), end });
  });
  const said = (stream: Stream) => text(stream).subarray(0, text(stream).indexOf(end));
  const seconds = (performance.now() - began) / 1000;
  return { code, signal: null, stdout: said('stdout'), stderr: said('stderr').toString(), seconds };
}

/** The result that `vgg16` of program.ts has. */
export function runCommand(words: readonly string[], options: RunOptions = {}): Promise<Result> {
  const result = last.then(() => runNext(words, options));
  last = result.catch(() => {});
  return result;
}

/** The result that `classify` of program.ts has. */
export function runClassify(words: readonly string[], options: RunOptions = {}): Promise<Result> {
  return runCommand(['classify', '--model', 'mini', '--quiet', ...words], options);
}

/** Spawns the real program, bin/run.js, as a shell would. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export const PROGRAM = join(ROOT, 'bin/run.js');

/** The home of every run: no configuration of the user's, and one cache for the hash of the model. */
const HOME = join(tmpdir(), 'vgg16-test-home');

export interface RunOptions {
  readonly cwd?: string;
  /** Added to a small environment of its own; nothing of the caller's but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed. */
  readonly input?: string | Buffer;
}

export interface Result {
  /** As a shell shows it: 128 + the number of a signal. */
  readonly code: number;
  /** The signal that ended the process itself. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly seconds: number;
}

/** A run that goes on. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly done: Promise<Result>;
  /** Resolves once what has been printed so far satisfies `test`; rejects when the run ends before. */
  until(stream: 'stdout' | 'stderr', test: (text: string) => boolean): Promise<void>;
}

/** `file` may be another program that runs this one, such as a shell. */
export function start(args: readonly (string | Buffer)[], options: RunOptions = {}): Running {
  return startProgram(process.execPath, [PROGRAM, ...(args as readonly string[])], options);
}

/** Nothing of the caller's but PATH. */
export function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  mkdirSync(HOME, { recursive: true });
  return { PATH: process.env.PATH ?? '', HOME, ...more };
}

export function startProgram(file: string, args: readonly string[], options: RunOptions = {}): Running {
  const began = performance.now();
  const child = spawn(file, args, {
    cwd: options.cwd ?? ROOT,
    env: environment(options.env),
  });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString();
  const watchers = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      chunks[stream].push(chunk);
      for (const watch of watchers) watch();
    });
  }
  child.stdin.on('error', () => {}); // a run that ends early does not read its list
  if (options.input !== undefined) child.stdin.end(options.input);
  const done = new Promise<Result>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const seconds = (performance.now() - began) / 1000;
      const status = code ?? 128 + constants.signals[signal as NodeJS.Signals];
      resolve({ code: status, signal, stdout: Buffer.concat(chunks.stdout), stderr: text('stderr'), seconds });
    });
  });
  return {
    child,
    done,
    until: (stream, test) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          if (!test(text(stream))) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
        watch();
        done.then(({ code, stderr }) => reject(new Error(`it ended with ${code} before: ${stderr}`)), reject);
      }),
  };
}

/** Runs to the end; stdin is empty unless given. */
export function vgg16(args: readonly (string | Buffer)[], options: RunOptions = {}): Promise<Result> {
  return start(args, { input: '', ...options }).done;
}

/** `classify` with the model that ships with the tool, without the closing line and progress. */
export function classify(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return vgg16(['classify', '--model', 'mini', '--quiet', ...args], options);
}

/** Runs contenders as processes of their own, one after the other. */

import { spawn } from 'node:child_process';

/** The standard output of a command. Throws with the end of its standard error when it fails. */
export async function output(command, args, { env = {}, allow = [0] } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  if (!allow.includes(code)) {
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stderr.trim().slice(-2000)}`);
  }
  return stdout;
}

/** The object that a contender prints as its last line. */
export async function jsonLine(command, args, options) {
  return JSON.parse(lastLine(await output(command, args, options)));
}

export function lastLine(stdout) {
  return stdout.trimEnd().split('\n').at(-1);
}

/**
 * Runs a command that prints a CSV table, and times its rows: `firstRow`, seconds from the start of the process to the
 * first row, and `imagesPerSecond` from there to the last row, so that start-up does not count. With `stopAfterFirst`
 * the process is ended at its first row.
 */
export async function timedRows(command, args, { env = {}, stopAfterFirst = false } = {}) {
  const start = performance.now();
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const stderr = text(child.stderr);
  let rows = -1; // the header is no row
  let first;
  let last;
  for await (const chunk of child.stdout) {
    for (const byte of chunk) if (byte === NEWLINE) rows += 1;
    if (rows < 1) continue;
    last = { rows, seconds: (performance.now() - start) / 1000 };
    first ??= last;
    if (stopAfterFirst) child.kill('SIGKILL');
  }
  const code = await exitOf(child);
  if (first === undefined || (code !== 0 && !stopAfterFirst)) {
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${(await stderr).trim().slice(-2000)}`);
  }
  return {
    firstRow: first.seconds,
    rows,
    imagesPerSecond: (last.rows - first.rows) / (last.seconds - first.seconds),
  };
}

const NEWLINE = 10;

async function text(stream) {
  let all = '';
  for await (const chunk of stream.setEncoding('utf8')) all += chunk;
  return all;
}

function exitOf(child) {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode ?? child.signalCode);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
}

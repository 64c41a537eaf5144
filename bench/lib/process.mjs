/** Runs contenders as processes of their own, one after the other. */

import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks at a file that grows. A batch takes tens of milliseconds at the least. */
const LOOK_MS = 5;

const NEWLINE = 10;

/** The standard output of a command. Throws with the end of its standard error when it fails. */
export async function output(command, args, { env = {}, allow = [0] } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  if (!allow.includes(code)) throw failure(command, args, code, stderr);
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
 * Runs a command whose standard output is the CSV file `target`, as `command > target` does, and times its rows:
 * `firstRow`, seconds from the start of the process to the first row; `imagesPerSecond` from there to the last row, so that
 * start-up does not count (unless all rows come at once, of too few photographs); `totalSeconds` to the end of the process.
 * With `stopAfterFirst` it is ended at its first row.
 */
export async function timedRows(command, args, target, { stopAfterFirst = false } = {}) {
  const file = openSync(target, 'w+');
  try {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', file, 'pipe'] });
    const stderr = text(child.stderr);
    const exit = exitOf(child);
    const rows = countedRows(file);
    let code;
    exit.then(
      (value) => {
        code = value;
      },
      () => {
        code = 'an error'; // of spawning: it is thrown below
      },
    );
    let first;
    let last;
    for (let ended = false; !ended; await sleep(LOOK_MS)) {
      ended = code !== undefined; // before the look, so that what was written last is seen
      const seconds = (performance.now() - start) / 1000;
      const count = rows.next().value;
      if (count < 1 || count === last?.count) continue;
      last = { count, seconds };
      first ??= last;
      if (stopAfterFirst) child.kill('SIGKILL');
    }
    const totalSeconds = (performance.now() - start) / 1000;
    await exit;
    if (first === undefined || (code !== 0 && !stopAfterFirst)) throw failure(command, args, code, await stderr);
    return {
      firstRow: first.seconds,
      totalSeconds,
      rows: last.count,
      imagesPerSecond:
        last === first ? last.count / last.seconds : (last.count - first.count) / (last.seconds - first.seconds),
    };
  } finally {
    closeSync(file);
  }
}

/** Rows in the file so far, without the header, at each look. */
function* countedRows(file) {
  const chunk = Buffer.alloc(1 << 20);
  let rows = -1;
  let offset = 0;
  for (;;) {
    const bytes = readSync(file, chunk, 0, chunk.length, offset);
    offset += bytes;
    for (let i = 0; i < bytes; i++) if (chunk[i] === NEWLINE) rows += 1;
    if (bytes < chunk.length) yield rows;
  }
}

function failure(command, args, code, stderr) {
  return new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stderr.trim().slice(-2000)}`);
}

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

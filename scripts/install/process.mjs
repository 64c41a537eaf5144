/** Running commands, and saying what went wrong in a sentence. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Where npm runs this package's scripts: its own folder. */
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

/** Lines of a failed command's output that are worth repeating, and how many characters of them. */
const ERROR_LINES = 3;
const ERROR_CHARACTERS = 600;

/** One sentence on what is wrong, and the command to type. */
export class InstallError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** The command that runs this installer again, from wherever it lies, after `settings` such as `CXX=clang++`. */
export function again(settings = '') {
  const path = fileURLToPath(new URL('install.mjs', import.meta.url));
  const quoted = /^[\w./@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  return `${settings}${settings && ' '}node ${quoted}`;
}

const running = new Set();

/**
 * Runs a command to its end. `code` is its exit status, the signal that ended it, or ENOENT where there is no such
 * command; `output` is what it wrote to stdout and stderr. It runs in the package's folder, not in the current one: Python
 * would load a `pip.py` or `zipfile.py` that lies there.
 */
export function run(command, args, env = process.env) {
  return new Promise((resolve) => {
    // In a group of its own, to be ended with all that it has started: a shell's commands, a compiler's passes.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: PACKAGE, detached: true });
    running.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    const end = (code, text) => {
      running.delete(child);
      resolve({ code, output: text });
    };
    child.on('error', (error) => end(error.code, error.message));
    child.on('close', (code, signal) => end(code ?? signal, output || (signal ? `it ended with ${signal}` : '')));
  });
}

/** Ends the commands in progress; for a process that is about to end itself. */
export function endAll() {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}

/** What a command said last that matters: errors first, without blank lines. */
export function lastLines(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const errors = lines.filter((line) => /error/i.test(line));
  return (errors.length > 0 ? errors : lines).slice(-ERROR_LINES).join(' / ').slice(0, ERROR_CHARACTERS);
}

/** A full disk looks the same whichever command met it: the error that Node's own calls throw. */
export function throwIfDiskFull(output) {
  if (/No space left on device|Disk quota exceeded/i.test(output))
    throw Object.assign(new Error(output), { code: 'ENOSPC' });
}

/** Runs the program on a terminal: a pseudo-terminal of Python's, which every machine that installs this has. */

import { execPath } from 'node:process';
import { PROGRAM, type RunOptions, startProgram } from './program.js';

/** Runs argv[1:] on a pseudo-terminal, passes on what appears there, and ends with the same status. */
const SCRIPT = `
import os, pty, sys
status = pty.spawn(sys.argv[1:], stdin_read=lambda fd: b'')
sys.exit(os.waitstatus_to_exitcode(status) & 0xff)
`;

export interface Screen {
  readonly code: number;
  /** All that was written to stdout and stderr, with the terminal's own carriage returns taken away. */
  readonly text: string;
}

export async function onTerminal(args: readonly string[], options: RunOptions = {}): Promise<Screen> {
  const env = { TERM: 'xterm', NO_COLOR: '1', ...options.env };
  const run = startProgram('python3', ['-c', SCRIPT, execPath, PROGRAM, ...args], { ...options, env });
  const { code, stdout, stderr } = await run.done;
  if (stderr !== '') throw new Error(`Expected Python's pty module to run the program but received: ${stderr}`);
  return { code, text: stdout.toString().replaceAll('\r\n', '\n') };
}

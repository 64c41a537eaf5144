/** Every error of a command as a RunError: one sentence, the next thing to type, the exit code. */

import { ExitCode, RunError, usageError } from '../../errors.js';
import { outputFailed } from '../../output/sink.js';
import { FlagValueError } from '../flags/values.js';
import { typed } from './advice.js';

/** oclif's parse errors, by their shape: its classes are not exported. */
interface ParseError extends Error {
  readonly oclif?: { readonly exit?: number };
  readonly flags?: readonly string[];
  readonly args?: readonly (string | { readonly name: string })[];
}

/** Where a value came from, for the sentence: `--top-k`, `VGG16_TOP_K`, `"top-k" in …`. */
export function valueError(error: FlagValueError, origin: string): RunError {
  return usageError(`Expected ${error.expected} for ${origin} but received ${JSON.stringify(error.received)}.`);
}

/** `command` as typed (`vgg16 classify`), for the hint. */
export function toRunError(error: unknown, command: string): RunError {
  if (error instanceof RunError) return withFlags(error);
  if ((error as NodeJS.ErrnoException | null)?.syscall === 'uv_cwd') {
    return usageError('Expected a working directory but it has been deleted.', 'Go to a folder that is there: cd');
  }
  if (error instanceof FlagValueError) return valueError(error, `--${error.flag ?? ''}`);
  if (isParseError(error)) return usageError(parseSentence(error), `See ${command} --help.`);
  const system = systemError(error);
  if (system !== undefined) return system;
  const message = error instanceof Error ? error.message : String(error);
  return new RunError('INTERNAL', `Unexpected: ${message}`, {
    exitCode: ExitCode.Unexpected,
    cause: error,
    hint: 'This is a bug. Please report it with what --verbose prints.',
  });
}

/** The same error, whose hint says what to type. */
function withFlags(error: RunError): RunError {
  const { code, message, exitCode, hint, cause, stack } = error;
  if (hint === undefined || typed(hint) === hint) return error;
  const told = new RunError(code, message, { exitCode, hint: typed(hint), cause });
  if (stack !== undefined) told.stack = stack;
  return told;
}

/** What only a write can end in, wherever it was: a temporary folder is full as well as an output's disk. */
const REFUSED_WRITES: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS'];

/** Errors of the machine that every command can meet, so that none of them is called a bug. */
function systemError(error: unknown): RunError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path } = error as NodeJS.ErrnoException;
  return REFUSED_WRITES.includes(code) ? outputFailed(path ?? 'a file', error) : undefined;
}

function isParseError(error: unknown): error is ParseError {
  return error instanceof Error && 'oclif' in error;
}

/** oclif's message as one sentence. */
function parseSentence(error: ParseError): string {
  const { flags, args } = error;
  if (error.message.startsWith('Nonexistent flag'))
    return `Expected a known flag but received ${(flags ?? []).join(', ')}.`;
  if (error.message.startsWith('Unexpected argument'))
    return `Expected no argument but received ${(args ?? []).join(' ')}.`;
  const conflict = /--([\w-]+)=\S* cannot also be provided when using --([\w-]+)/.exec(error.message);
  if (conflict !== null) return `Expected --${conflict[1]} or --${conflict[2]} but received both.`;
  const text = error.message
    .replace(/\n?See more help with --help/g, '')
    .replace(/^The following errors? occurred:\s*/, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: oclif dims its reasons with terminal escapes
    .replace(/\u001B\[[0-9;]*m/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The error as `--json` prints it. */
export function errorObject(error: RunError): object {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      exitCode: error.exitCode,
    },
  };
}

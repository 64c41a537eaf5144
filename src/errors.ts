/**
 * Errors as plain data: a code to match on, one sentence for people, what to type next, and the exit code.
 * Imports nothing, so that every layer can throw them and the command line alone decides how they look.
 */

/** What the process ends with; the same with and without `--json`. */
export const ExitCode = {
  /** Every input produced a row, or failures stayed within `--max-errors`. */
  Ok: 0,
  /** A bug, a full disk: something that no flag explains. */
  Unexpected: 1,
  /** A wrong flag or argument, or an output that already exists. */
  Usage: 2,
  /** The run finished and some inputs failed. */
  SomeFailed: 3,
  /** Nothing matched the inputs. */
  NoInputs: 4,
  /** The model is missing, damaged, has the wrong hash, or is not a VGG-16. */
  Model: 5,
  /** A gate that the caller asked for was not met. */
  Gate: 6,
  /** 128 + SIGINT: the batch in flight was finished and written. */
  Interrupted: 130,
  /** 128 + SIGTERM. */
  Terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Why one image has no result. These appear in rows, so they are part of the contract. */
export type ImageErrorCode =
  | 'NOT_FOUND'
  | 'UNREADABLE'
  | 'UNSUPPORTED_FORMAT'
  | 'DECODE_FAILED'
  | 'TOO_LARGE'
  | 'NON_FINITE';

/** Why a whole run cannot go on. */
export type RunErrorCode =
  | 'USAGE'
  | 'OUTPUT_EXISTS'
  | 'OUTPUT_FAILED'
  | 'NO_INPUTS'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_INVALID'
  | 'RUNTIME_MISSING'
  | 'TOO_MANY_ERRORS'
  | 'OUT_OF_MEMORY'
  | 'INTERNAL';

/** Ends a run. `message` says what was expected and what came; `hint` is the next thing to type. */
export class RunError extends Error {
  override readonly name = 'RunError';
  readonly code: RunErrorCode;
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(
    code: RunErrorCode,
    message: string,
    options: { readonly exitCode: ExitCode; readonly hint?: string; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}

/** A flag, argument or configuration value that cannot be used: exit 2. */
export function usageError(message: string, hint?: string): RunError {
  return new RunError('USAGE', message, { exitCode: ExitCode.Usage, ...(hint === undefined ? {} : { hint }) });
}

/** A model that cannot be used: exit 5. */
export function modelError(
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): RunError {
  return new RunError('MODEL_INVALID', message, { exitCode: ExitCode.Model, ...options });
}

/** One image that failed: it becomes a row, and the run goes on. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/**
 * What to do, in words for a program as well as for a person: hints and notices are put together with these. Nobody below
 * the command line knows of flags; `cli/` says each of them in terms of what is to be typed.
 */
export const ADVICE = {
  namePreset: 'Name the preset that the weights were trained with: torchvision, keras or caffe.',
  noPreset: 'Leave the preset out.',
  noClasses: 'The number of classes is for the model random; leave it out here.',
  allowNetwork: 'Allow the network',
  otherCache: 'name another cache folder',
  takeMini: 'The model mini ships with the tool and needs no file.',
  lessWork: 'less work at a time: a batch size of 1 and one worker',
  leastMemory: 'A batch size of 1 and one worker take least.',
  calibrate: ', with images to calibrate it by',
  useF32: 'Use the precision f32.',
  tryInt8: 'the precision int8 is',
  tryBf16: 'The precision bf16 is',
  tryF32: 'the precision f32 is',
  takeExtensions: 'Ask for other extensions to take them.',
  orExtensions: 'or ask for other extensions',
  checkExcluded: 'Check the globs of what to exclude.',
  followLinks: 'Ask for symbolic links to be followed to take them.',
} as const;

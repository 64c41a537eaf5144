/** Where text goes: a file that appears whole, or a stream that others read while it grows. */

import { ExitCode, RunError } from '../errors.js';

export interface Sink {
  /** A file of its own, beside which a record can lie; not a stream, a pipe or a device. */
  readonly isFile: boolean;
  /** Resolves when the text is handed over and more can follow. Throws OUTPUT_FAILED for a full disk and the like. */
  write(text: string): Promise<void>;
  /** All is written: makes it last. Nothing can follow. */
  finish(): Promise<void>;
  /** Ends without completing. Resolves to the file that holds what was written so far, where it is worth keeping. */
  abandon(options: { readonly keep: boolean }): Promise<string | undefined>;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file grew past the size that is allowed',
  EROFS: 'the file system is read-only',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EIO: 'the device failed (EIO)',
};

/** Why the system refused, in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : REASONS[code]) ?? code ?? message;
}

/** Writing to `name` failed half-way: exit 1. */
export function outputFailed(name: string, error: unknown): RunError {
  return new RunError('OUTPUT_FAILED', `Expected to write ${name} but ${reasonOf(error)}.`, {
    exitCode: ExitCode.Unexpected,
    cause: error,
  });
}

/** Where text goes that others read while it grows: a stream, a pipe or a device. */

import { ExitCode, RunError } from '../errors.js';

export interface Sink {
  /** Resolves when the text is handed over and more can follow. Throws OUTPUT_FAILED for a full disk and the like. */
  write(text: string): Promise<void>;
  /** All is written. Nothing can follow. */
  finish(): Promise<void>;
  /** Ends without completing. */
  abandon(): Promise<void>;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file grew past the size that is allowed',
  EROFS: 'the file system is read-only',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EIO: 'the device failed (EIO)',
  ENOENT: 'it does not exist',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'links lead in a circle',
  EBUSY: 'it is in use, as the target of a mount is (EBUSY)',
  EXDEV: 'it is on another file system, as the target of a mount is (EXDEV)',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file',
  EMFILE: 'too many files are open (EMFILE)',
};

/** Why the system refused, in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : REASONS[code]) ?? code ?? message;
}

/** Why the system refused to write or to make a file, in words: what does not exist then is the folder. */
export function writingReason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'its folder is gone' : reasonOf(error);
}

/** Writing to `name` failed half-way: exit 1. */
export function outputFailed(name: string, error: unknown): RunError {
  return new RunError('OUTPUT_FAILED', `Expected to write ${name} but ${writingReason(error)}.`, {
    exitCode: ExitCode.Unexpected,
    cause: error,
  });
}

/** A weight file opened for its reader, which reads any bytes of it by their place. */

import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ExitCode, modelError, RunError } from '../../errors.js';

export interface RandomAccessFile {
  readonly path: string;
  readonly bytes: number;
  /** Exactly `length` bytes from `offset`; throws where the file ends before. Check `length` against a limit first. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Opens `path` for `use` and closes it afterwards. Throws MODEL_NOT_FOUND or MODEL_INVALID where it is no readable file. */
export async function withFile<T>(path: string, use: (file: RandomAccessFile) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    // Before opening: to open a named pipe is to wait for its writer.
    const { size } = await checkFile(path);
    const opened = await open(path, 'r');
    handle = opened;
    return await use({ path, bytes: size, read: (offset, length) => readExactly(opened, path, offset, length) });
  } catch (error) {
    throw error instanceof RunError ? error : unreadable(path, error);
  } finally {
    await handle?.close();
  }
}

async function checkFile(path: string): Promise<Stats> {
  const found = await stat(path);
  if (!found.isFile()) {
    const kind = found.isDirectory() ? 'a directory' : 'not a regular file';
    throw modelError(`Expected a weight file but ${path} is ${kind}.`);
  }
  return found;
}

function unreadable(path: string, error: unknown): RunError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    return new RunError('MODEL_NOT_FOUND', `Expected a weight file but there is no ${path}.`, {
      exitCode: ExitCode.Model,
      cause: error,
    });
  }
  const reason = code === 'EACCES' ? 'permission denied' : message;
  return modelError(`Expected to read ${path} but failed: ${reason}.`, { cause: error });
}

async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) {
      throw modelError(
        `${path} is truncated: expected ${length} bytes at byte ${offset} but ${length - done} are missing.`,
      );
    }
    done += bytesRead;
  }
  return buffer;
}

/** A file's bytes, or an ImageError that says why there are none. */

import { constants } from 'node:fs';
import { access, type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImageError } from '../errors.js';

/** Largest file that is read, in bytes. Photos stay far below; a disk image that is called .jpg must not fill memory. */
export const MAX_FILE_BYTES = 1024 ** 3;

/** Waits for a free file descriptor, in ms: another image gives one back within its decoding time. */
const DESCRIPTOR_WAITS = [10, 20, 50, 100, 200, 500, 1000, 2000];

/** Reads a regular file whole. Nothing but regular files is read, so that a pipe or a device cannot block the run. */
export async function readImageFile(file: Buffer | string): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    handle = await openPatiently(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) throw await folderError(file);
    if (!stats.isFile())
      throw new ImageError('UNREADABLE', 'Expected a regular file but this is a pipe, socket or device.');
    if (stats.size > MAX_FILE_BYTES) {
      throw new ImageError('TOO_LARGE', `Expected a file of at most ${MAX_FILE_BYTES} bytes but it has ${stats.size}.`);
    }
    if (stats.size === 0) throw new ImageError('DECODE_FAILED', 'Expected an image but the file is empty (0 bytes).');
    return await readAll(handle, stats.size);
  } catch (error) {
    throw error instanceof ImageError ? error : readError(error as NodeJS.ErrnoException);
  } finally {
    await handle?.close();
  }
}

async function openPatiently(file: Buffer | string): Promise<FileHandle> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      // O_NONBLOCK: opening a pipe that nobody writes to would otherwise wait for ever.
      return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const wait = DESCRIPTOR_WAITS[attempt];
      if ((code !== 'EMFILE' && code !== 'ENFILE') || wait === undefined) throw error;
      await sleep(wait);
    }
  }
}

async function readAll(handle: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled);
    if (bytesRead === 0) break; // cut short in the meantime
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

async function folderError(file: Buffer | string): Promise<ImageError> {
  const listable = await access(file, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  return new ImageError(
    'UNREADABLE',
    listable
      ? 'Expected a file but this is a folder.'
      : 'Expected a folder that can be listed but permission is denied.',
  );
}

function readError(error: NodeJS.ErrnoException): ImageError {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ERR_INVALID_ARG_VALUE': // a NUL in the path
      return new ImageError('NOT_FOUND', 'Expected a file but there is none with this path.', error);
    case 'EACCES':
    case 'EPERM':
      return new ImageError('UNREADABLE', 'Expected a file that can be read but permission is denied.', error);
    case 'ELOOP':
      return new ImageError('UNREADABLE', 'Expected a file but the path is a loop of symbolic links.', error);
    default:
      return new ImageError(
        'UNREADABLE',
        `Expected a file that can be read but received ${error.code ?? 'an error'}.`,
        error,
      );
  }
}

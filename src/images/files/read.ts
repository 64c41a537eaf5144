/** A file's bytes, whole or in chunks, or an ImageError that says why there are none. */

import { constants } from 'node:fs';
import { access, type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImageError } from '../../errors.js';

/** Largest file that is read, in bytes. Photos stay far below; a disk image that is called .jpg must not fill memory. */
export const MAX_FILE_BYTES = 1024 ** 3;

/** Waits for a free file descriptor, in ms: another image gives one back within its decoding time. */
const DESCRIPTOR_WAITS = [10, 20, 50, 100, 200, 500, 1000, 2000];

/** The last is Node's, for a NUL in the path. */
const MISSING_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE']);

/** Bytes of one chunk of a file that is read from its start to its end: large enough for a disk, small beside a photo. */
const CHUNK_BYTES = 256 * 1024;

/** Looks at an open file of `size` bytes before it is read; throws an ImageError where that would be in vain. */
export type Look = (handle: FileHandle, size: number) => Promise<void>;

/** Reads a regular file whole. */
export async function readImageFile(file: Buffer | string, look?: Look): Promise<Buffer> {
  let opened: InputFile | undefined;
  try {
    opened = await openRegular(file);
    const { handle, size } = opened;
    if (size > MAX_FILE_BYTES) throw tooLarge(size);
    if (size === 0) throw emptyError('an image');
    await look?.(handle, size);
    return await readAll(handle, size);
  } catch (error) {
    throw error instanceof ImageError ? error : readError(error as NodeJS.ErrnoException);
  } finally {
    await opened?.handle.close();
  }
}

export interface InputFile {
  /** To be closed by whoever opened it. */
  readonly handle: FileHandle;
  /** In bytes. */
  readonly size: number;
  /** When it was last changed, in nanoseconds since 1970. */
  readonly mtimeNs: bigint;
}

/**
 * Opens a file to read. Nothing but regular files stays open, so that a pipe or a device cannot block the run. Rejects
 * with an ImageError, or with the system's error.
 */
export async function openRegular(file: Buffer | string): Promise<InputFile> {
  const handle = await openPatiently(file);
  try {
    const stats = await handle.stat({ bigint: true });
    if (stats.isDirectory()) throw await folderError(file);
    if (!stats.isFile()) {
      throw new ImageError('UNREADABLE', 'Expected a regular file but this is a pipe, socket or device.');
    }
    return { handle, size: Number(stats.size), mtimeNs: stats.mtimeNs };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The bytes of an open file from its start, or from the byte `start`, to its end; the file stays open. */
export async function* chunksOf(handle: FileHandle, start = 0): AsyncGenerator<Buffer> {
  for (let position = start; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** For a file, or a member of an archive, of more than `MAX_FILE_BYTES`. */
export function tooLarge(size: number): ImageError {
  return new ImageError('TOO_LARGE', `Expected a file of at most ${MAX_FILE_BYTES} bytes but it has ${size}.`);
}

export function emptyError(expected: 'an image' | 'an archive'): ImageError {
  return new ImageError('DECODE_FAILED', `Expected ${expected} but the file is empty (0 bytes).`);
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

/** Bytes of an open file; fewer than `size` where it ends before. */
export async function readAll(handle: FileHandle, size: number, start = 0): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, start + filled);
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

/** Whether the system's error says that nothing has this path. */
export function isMissing({ code }: NodeJS.ErrnoException): boolean {
  return code !== undefined && MISSING_CODES.has(code);
}

/** The system's error as the image's. */
export function readError(error: NodeJS.ErrnoException): ImageError {
  if (isMissing(error)) {
    return new ImageError('NOT_FOUND', 'Expected a file but there is none with this path.', error);
  }
  switch (error.code) {
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

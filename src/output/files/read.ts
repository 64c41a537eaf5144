/** Files to read, which may be anyone's: opened without waiting for the other end of a pipe. */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { usageError } from '../../errors.js';
import { reasonOf } from '../sink.js';

/** A file to read, opened; `what` names its format in the error. */
export async function openForReading(path: string, what: string): Promise<{ handle: FileHandle; bytes: number }> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe is not waited for
  } catch (error) {
    throw usageError(`Expected to read ${path} as ${what} but ${readingReason(error)}.`);
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw usageError(`Expected a file of ${what} but ${path} is not a regular file.`);
    return { handle, bytes: found.size };
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
}

/** Fills `into` from byte `position` on, unless the file ends before; resolves to the bytes that were there. */
export async function readAt(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Why the system refused to read, in words. */
export function readingReason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : reasonOf(error);
}

/** A value out of a file for an error message: short, on one line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** Of a file's own content in an error message, at most: files are hostile until parsed. */
const SHOWN_CHARACTERS = 80;

/** Opens a file. Rejects with the system's error, or for what is no regular file. */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const isFile = await handle.stat().then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return handle;
  await handle.close();
  throw new Error('it is not a regular file');
}

/** The same, read whole as UTF-8. */
export async function readRegularFile(path: string): Promise<string> {
  const handle = await openRegularFile(path);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Files that lie beside an output and may be anyone's: opened without waiting for the other end of a pipe. */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Rejects with the system's error, or for what is no regular file. */
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

/** Folders that are there, and those that are to be made. */

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The folder itself, or the one in which it and those above it would be made. */
export async function nearestFolder(folder: string): Promise<string> {
  const above = dirname(folder);
  return above === folder || (await isFolder(folder)) ? folder : nearestFolder(above);
}

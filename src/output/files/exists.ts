/** Names that are taken and folders that are there. None of these rejects: what cannot be looked at is not there. */

import { lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whether the name is taken, be it by a link that leads nowhere. */
export async function isNameTaken(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

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

/** What there is under a path. Neither rejects: what cannot be looked at is not there. */

import { stat } from 'node:fs/promises';

/** Whether there is something at the path, or where a link at the path leads to. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

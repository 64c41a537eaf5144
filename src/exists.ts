/** Whether there is something at a path. */

import { access } from 'node:fs/promises';

/** A link counts as what it leads to; what cannot be looked at counts as nothing. */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

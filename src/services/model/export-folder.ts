/** Which folders an exported model may take the place of. */

import { readdir } from 'node:fs/promises';
import { usageError } from '../../errors.js';
import { strangerIn } from '../../formats/exported-folders.js';
import { reasonOf } from '../../output/sink.js';

/** Throws USAGE for a folder that holds anything that `model export` has not written. */
export async function checkReplaceable(folder: string): Promise<void> {
  const stranger = await strangerIn(folder).catch((error: unknown) => {
    throw usageError(`Expected to look into ${folder} but ${reasonOf(error)}.`);
  });
  if (stranger === undefined) return;
  throw usageError(
    `Expected an empty folder or an exported model for --output but ${folder} holds something else (${stranger}).`,
    'Name another folder.',
  );
}

export async function isEmptyFolder(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [''])).length === 0;
}

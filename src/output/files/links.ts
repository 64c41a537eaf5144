/** Where an output goes that is named by a link. */

import { readlink, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { usageError } from '../../errors.js';
import { compressionOf } from './compression.js';
import { isFolder } from './exists.js';

/** As many as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * The file itself: a link is followed, also to a file that is to be made, or renaming would replace the link instead of
 * the file that it leads to. Throws USAGE for links that lead in a circle.
 */
export async function resolveOutput(file: string): Promise<string> {
  let path = resolve(file);
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const real = await realpath(path).catch(() => undefined);
    if (real !== undefined) return real;
    const to = await readlink(path).catch(() => undefined);
    if (to === undefined) return path;
    // What a link says is meant from the folder where it really is.
    const folder = await realpath(dirname(path)).catch(() => dirname(path));
    path = resolve(folder, to);
  }
  throw usageError(`Expected a file for --output but ${file} is a link that leads to itself.`);
}

/** Throws USAGE for a name that can only be a folder's: `new/`. */
export async function refuseFolderName(file: string): Promise<void> {
  if (!/(?:^|\/)\.{0,2}$/.test(file) || (await isFolder(file))) return;
  throw usageError(
    `Expected a file for --output but ${file} is the name of a folder.`,
    `Type --output ${join(file, 'labels.csv')}, once the folder is there.`,
  );
}

/** The same for files of rows. Throws USAGE for the name of a folder, and where a link and its file differ in compression. */
export async function outputTarget(file: string): Promise<string> {
  await refuseFolderName(file);
  const target = await resolveOutput(file);
  if (compressionOf(file) === compressionOf(target)) return target;
  throw usageError(
    `Expected ${file} and the file that it leads to, ${target}, to end alike but only one is named as compressed.`,
    `Name the file itself: --output ${target}`,
  );
}

/** The arguments of a run → paths of files: what a folder holds, what a glob matches, what is named. */

import { lstat, stat } from 'node:fs/promises';
import { resolve } from 'node:path/posix';
import { usageError } from '../../errors.js';
import { toBuffer, toByteString } from '../files/byte-strings.js';
import { isArchive } from './extensions.js';
import type { Seen } from './no-inputs.js';
import { isGlob, realPath, type Walk, walk } from './walk.js';

export interface ListOptions {
  /** Files, folders and globs; what exists by that very name is never a glob. */
  readonly inputs: readonly (string | Buffer)[];
  /** Folder that relative inputs start from, a byte string like every path here. */
  readonly cwd: string;
  readonly recursive: boolean;
  readonly followSymlinks: boolean;
  /** Whether a file in a folder is taken. A glob takes archives besides. */
  readonly isWanted: (path: string) => boolean;
  /** Whether a file or folder is not to be looked at. */
  readonly excluded: (path: string) => boolean;
}

/**
 * Sorted absolute paths of the inputs, archives among them. Counts in `seen` what it passes over.
 *
 * @throws RunError USAGE for an empty argument.
 */
export async function listInputs(options: ListOptions, seen: Seen): Promise<readonly string[]> {
  const { cwd, excluded, isWanted } = options;
  /** Shown for each real file: the first of its paths in byte order. */
  const byRealPath = new Map<string, string>();
  const take = (path: string, real: string) => {
    const before = byRealPath.get(real);
    if (before === undefined || path < before) byRealPath.set(real, path);
  };
  const takeAll = (wanted: (path: string) => boolean, { files, unreadable, realPath }: Walk) => {
    for (const file of files) {
      if (wanted(file)) take(file, realPath(file));
      else seen.passedOver.addOther(file);
    }
    for (const folder of unreadable) {
      seen.unreadable.push(folder);
      take(folder, folder);
    }
  };

  for (const input of options.inputs) {
    const argument = toByteString(input);
    if (argument === '') throw usageError('Expected a file, folder or glob but received an empty argument.');
    const path = resolve(cwd, argument);
    const kind = await kindOf(path);
    if (kind !== 'missing' && excluded(path)) {
      seen.passedOver.excluded += 1;
    } else if (kind === 'folder') {
      takeAll(isWanted, await walk({ ...options, cwd: path, pattern: null }, seen.passedOver));
    } else if (kind === 'file') {
      take(path, realPath(path));
    } else {
      const matches = isGlob(argument) ? await walk({ ...options, pattern: argument }, seen.passedOver) : undefined;
      if (matches !== undefined) takeAll((match) => isWanted(match) || isArchive(match), matches);
      if (matches === undefined || matches.files.length + matches.unreadable.length === 0) {
        seen.missing.push(path);
        take(path, path);
      }
    }
  }
  return [...byRealPath.values()].sort(byteOrder);
}

/** A link to nothing, or a path that may not be looked at, counts as a file: reading it will say what is wrong. */
async function kindOf(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    return (await stat(toBuffer(path))).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ENAMETOOLONG') return 'file';
    return lstat(toBuffer(path)).then(
      () => 'file',
      () => 'missing',
    );
  }
}

function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

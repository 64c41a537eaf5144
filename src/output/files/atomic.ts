/** Files that are complete or absent: written under another name, synced to disk, then renamed in one step. */

import { randomBytes } from 'node:crypto';
import { chmod, link, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode, RunError } from '../../errors.js';
import { outputFailed } from '../sink.js';
import { isNameTaken } from './exists.js';
import { sameBytes } from './pieces.js';

/** Who may read and write the file at `path`: whatever replaces it is to be as private. `undefined` where there is none. */
export async function permissionsOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.mode & 0o777 : undefined;
}

/**
 * Gives the partial file the output's name; without `force` it never replaces what another attempt has published. Throws
 * the system's own error where it refuses, ENOENT where the partial file is gone.
 */
export async function publish(partial: string, path: string, force: boolean): Promise<void> {
  if (force) {
    const mode = await permissionsOf(path);
    if (mode !== undefined) await chmod(partial, mode);
    return rename(partial, path);
  }
  try {
    await link(partial, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw error;
    // A file system without hard links; what appears there in between is replaced.
    if (code !== 'EEXIST' && !(await isNameTaken(path))) return rename(partial, path);
    if (!(await sameContent(partial, path))) {
      throw new RunError(
        'OUTPUT_EXISTS',
        `Expected ${path} to be new but another run has written it meanwhile; this run's rows are in ${partial}.`,
        {
          exitCode: ExitCode.Usage,
          hint: `Compare the two, then keep one: mv ${partial} ${path}`,
        },
      );
    }
  }
  await rm(partial, { force: true });
}

/** Rows carry no time and no host, so two attempts at the same work write the same bytes. */
async function sameContent(a: string, b: string): Promise<boolean> {
  if ((await stat(a)).size !== (await stat(b)).size) return false;
  const first = await open(a);
  try {
    const second = await open(b);
    try {
      return await sameBytes({ handle: first, from: 0 }, { handle: second, from: 0 });
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}

/** Without this a power failure can take back the rename. Some file systems refuse to sync a folder. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** Writes a small file whole, replacing what is there. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await writeFile(partial, text, { flag: 'wx', flush: true });
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw outputFailed(path, error);
  }
}

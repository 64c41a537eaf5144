/** Files that are complete or absent: written under another name, synced to disk, then renamed in one step. */

import { randomBytes } from 'node:crypto';
import { constants, writeSync } from 'node:fs';
import { access, chmod, type FileHandle, link, lstat, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, RunError, usageError } from '../errors.js';
import { sameBytes } from './files.js';
import { refuseFolderName, resolveOutput } from './links.js';
import { outputFailed, reasonOf, type Sink } from './sink.js';
import { tryOutput } from './trial.js';

/**
 * Throws what opening an output, and giving it its name at the end, would throw: before work that would be lost. Leaves
 * nothing behind. A link is followed, also to a file that is to be made.
 */
export async function checkOutput(file: string, { force }: { readonly force: boolean }): Promise<void> {
  await refuseFolderName(file);
  const path = await outputPath(file);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'ENOTDIR') return undefined;
    throw usageError(`Expected a file that can be written for --output, but ${path}: ${reasonOf(error)}.`);
  });
  if (found?.isDirectory()) {
    throw usageError(
      `Expected a file for --output but ${path} is a folder.`,
      `Type --output ${join(file, 'labels.csv')}.`,
    );
  }
  if (found?.isFile() && !force) {
    throw new RunError('OUTPUT_EXISTS', `Expected a new file for --output but ${path} exists.`, {
      exitCode: ExitCode.Usage,
      hint: 'Type --force to replace it, or name another file.',
    });
  }
  const folder = dirname(path);
  const parent = await stat(folder).catch(() => undefined);
  if (parent === undefined)
    throw usageError(`Expected a folder for --output but ${folder} does not exist.`, `mkdir -p ${folder}`);
  if (!parent.isDirectory()) throw usageError(`Expected a folder for --output but ${folder} is a file.`);
  const isFile = found === undefined || found.isFile();
  const target = isFile ? folder : path;
  await access(target, constants.W_OK).catch((error: unknown) => {
    throw usageError(
      `Expected to write into ${target} but ${reasonOf(error)}.`,
      'Check its permissions, or name another file.',
    );
  });
  if (isFile) await tryOutput(path, found);
}

/** A pipe that a name in /dev/fd leads to has no path of its own: it keeps the name. */
async function outputPath(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined || found.isFile() || found.isDirectory() ? await resolveOutput(file) : resolve(file);
}

/** Opens a device or a pipe to write into; `undefined` for what is, or is to become, a regular file. */
export async function openDevice(file: string): Promise<Sink | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined || found.isFile() ? undefined : directSink(resolve(file));
}

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
    if (code !== 'EEXIST' && !(await exists(path))) return rename(partial, path);
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

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
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

async function directSink(path: string): Promise<Sink> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'w');
  } catch (error) {
    throw usageError(`Expected to write into ${path} but ${reasonOf(error)}.`);
  }
  try {
    // A device that is always full says so even to a write of nothing, before the work.
    writeSync(handle.fd, Buffer.alloc(0));
  } catch (error) {
    await handle.close().catch(() => {});
    throw outputFailed(path, error);
  }
  return {
    async write(text) {
      try {
        await handle.appendFile(text);
      } catch (error) {
        throw outputFailed(path, error);
      }
    },
    finish: () => handle.close(),
    abandon: () => handle.close().catch(() => {}),
  };
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

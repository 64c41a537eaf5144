/** The folder of an exported model, before anything is written: only what is empty or was exported is ever replaced. */

import { constants } from 'node:fs';
import { access, lstat, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { ExitCode, RunError, usageError } from '../../errors.js';
import { mountPoints } from '../../output/files/trial.js';
import { reasonOf } from '../../output/sink.js';
import { checkReplaceable, isEmptyFolder } from '../../services/model/export.js';

/** Throws USAGE or OUTPUT_EXISTS for what could not be written, or must not be replaced. */
export async function checkModelFolder(output: string, { force }: { readonly force: boolean }): Promise<void> {
  const path = resolve(output);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw usageError(`Expected a folder for --output but ${path}: ${reasonOf(error)}.`);
  });
  if (found === undefined) return await checkNew(path);
  if (!found.isDirectory()) throw usageError(`Expected a folder for --output but ${path} is a file.`);
  // A link is followed: the folder that it leads to is the one that would be replaced.
  const folder = await realpath(path);
  await checkMovable(folder);
  await checkWritable(dirname(folder));
  if (await isEmptyFolder(folder)) return;
  await checkReplaceable(folder);
  if (force) return;
  throw new RunError('OUTPUT_EXISTS', `Expected a new folder for --output but ${path} exists.`, {
    exitCode: ExitCode.Usage,
    hint: 'Type --force to replace it, or name another folder.',
  });
}

async function checkNew(path: string): Promise<void> {
  if ((await lstat(path).catch(() => undefined))?.isSymbolicLink() === true) {
    throw usageError(`Expected a folder for --output but ${path} is a link to nothing.`, 'Name the folder itself.');
  }
  const parent = dirname(path);
  const found = await stat(parent).catch(() => undefined);
  if (found === undefined) {
    throw usageError(`Expected a folder for --output but ${parent} does not exist.`, `mkdir -p ${parent}`);
  }
  if (!found.isDirectory()) throw usageError(`Expected a folder for --output but ${parent} is a file.`);
  await checkWritable(parent);
}

/** A folder is replaced by giving another one its name, which these cannot lose. */
async function checkMovable(folder: string): Promise<void> {
  const what =
    folder === parse(folder).root
      ? 'the root of the file system'
      : folder === (await real(homedir()))
        ? 'your home'
        : isWithin(await real(process.cwd()), folder)
          ? 'the working directory, or holds it'
          : (await isMountPoint(folder))
            ? 'a mount point'
            : undefined;
  if (what === undefined) return;
  const inside = join(folder, 'model');
  throw usageError(`Expected a folder of its own for --output but ${folder} is ${what}.`, `Type --output ${inside}.`);
}

const real = (path: string) => realpath(path).catch(() => path);

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

/** Another device than the folder above, or a folder of the same one that was bound to this place. */
async function isMountPoint(folder: string): Promise<boolean> {
  const [own, above] = await Promise.all([stat(folder), stat(dirname(folder))]);
  return own.dev !== above.dev || (await mountPoints()).has(folder);
}

async function checkWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw usageError(
      `Expected to write into ${folder} but ${reasonOf(error)}.`,
      'Check its permissions, or name another folder.',
    );
  });
}

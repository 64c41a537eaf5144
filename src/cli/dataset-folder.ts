/** The folder of a dataset, before anything is written into it. */

import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ExitCode, RunError, usageError } from '../errors.js';
import { MANIFEST } from '../output/dataset/manifest.js';
import { reasonOf } from '../output/sink.js';
import { type ContinuationFlags, continues } from './file-output.js';

/** The folder may be absent, empty, or a dataset that is to be continued or replaced. Throws USAGE or OUTPUT_EXISTS. */
export async function checkDatasetFolder(output: string, flags: ContinuationFlags): Promise<void> {
  const folder = resolve(output);
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw usageError(`Expected a folder for --output but ${folder}: ${reasonOf(error)}.`);
  });
  if (found === undefined) return checkWritable(await nearestFolder(dirname(folder)));
  if (!found.isDirectory()) throw usageError(`Expected a folder for --output but ${folder} is a file.`);
  const names = await readdir(folder).catch((error: unknown) => {
    throw usageError(`Expected to look into ${folder} but ${reasonOf(error)}.`);
  });
  if (names.length === 0) return checkWritable(folder);
  // A run that was killed before its first part has no manifest yet.
  const isDataset = names.includes(MANIFEST) || names.includes('journal');
  if (!isDataset) {
    throw usageError(
      `Expected an empty folder or a dataset for --output but ${folder} holds something else (${names[0]}).`,
      'Name another folder.',
    );
  }
  if (continues(flags) || flags.force === true) return checkWritable(folder);
  throw new RunError('OUTPUT_EXISTS', `Expected a new folder for --output but ${folder} holds a dataset.`, {
    exitCode: ExitCode.Usage,
    hint: 'Type --resume to go on with it, --force to replace it, or name another folder.',
  });
}

/** The folder itself, or the one in which it and those above it would be made. */
async function nearestFolder(folder: string): Promise<string> {
  const above = dirname(folder);
  return above === folder || (await isFolder(folder)) ? folder : nearestFolder(above);
}

/** Before work that would be lost. On a read-only file system mkdir itself says ENOENT. */
async function checkWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw usageError(
      `Expected to write into ${folder} but ${reasonOf(error)}.`,
      'Check its permissions, or name another folder.',
    );
  });
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

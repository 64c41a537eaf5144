/** The folder of a dataset, before anything is written into it. */

import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, RunError, usageError } from '../../errors.js';
import { MANIFEST } from '../../output/dataset/manifest.js';
import { isFolder } from '../../output/files/exists.js';
import { resolveOutput } from '../../output/files/links.js';
import { tryFolder } from '../../output/files/trial.js';
import { reasonOf } from '../../output/sink.js';
import { type ContinuationFlags, continues } from './stored.js';

/** The folder may be absent, empty, or a dataset that is to be continued or replaced. Throws USAGE or OUTPUT_EXISTS. */
export async function checkDatasetFolder(output: string, flags: ContinuationFlags): Promise<void> {
  const folder = await resolveOutput(output);
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw usageError(`Expected a folder for --output but ${folder}: ${reasonOf(error)}.`);
  });
  if (found === undefined) return checkWritable(folder, []);
  if (!found.isDirectory()) throw usageError(`Expected a folder for --output but ${folder} is a file.`);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw usageError(`Expected to look into ${folder} but ${reasonOf(error)}.`);
  });
  const names = entries.map(({ name }) => name);
  if (await holdsNothing(folder, names)) return checkWritable(folder, names);
  // A run that was killed before its first part has no manifest yet.
  const isDataset = names.includes(MANIFEST) || names.includes('journal');
  if (!isDataset) {
    throw usageError(
      `Expected an empty folder or a dataset for --output but ${folder} holds something else (${names[0]}).`,
      'Name another folder.',
    );
  }
  if (continues(flags) || flags.force === true) {
    // Parts are replaced and deleted in the dataset's folders: behind a link they would be somebody else's files.
    const link = entries.find((entry) => entry.isSymbolicLink());
    if (link === undefined) return checkWritable(folder, names);
    throw usageError(
      `Expected folders and files in the dataset ${folder} but ${link.name} is a link.`,
      'Name another folder, or put what the link leads to in its place.',
    );
  }
  throw new RunError('OUTPUT_EXISTS', `Expected a new folder for --output but ${folder} holds a dataset.`, {
    exitCode: ExitCode.Usage,
    hint: 'Type --resume to go on with it, --force to replace it, or name another folder.',
  });
}

/** Whether there is nothing but empty folders, as a run leaves that is killed while it makes them. */
async function holdsNothing(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const inside = await readdir(join(folder, name)).catch(() => undefined);
    if (inside === undefined || inside.length > 0) return false;
  }
  return true;
}

/** Before work that would be lost: in the folder, which may not be there yet, and in those of its parts. */
async function checkWritable(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    if (!(await isFolder(path))) continue;
    await access(path, constants.W_OK).catch((error: unknown) => {
      throw usageError(
        `Expected to write into ${path} but ${reasonOf(error)}.`,
        'Check its permissions, or name another folder.',
      );
    });
  }
  await tryFolder(folder, MANIFEST);
}

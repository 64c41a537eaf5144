/** Whether an output can be written, asked before the work. */

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, RunError, usageError } from '../../errors.js';
import { reasonOf } from '../sink.js';
import { refuseFolderName, resolveOutput } from './links.js';
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

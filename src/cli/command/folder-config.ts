/**
 * `./vgg16.config.json`, which comes with the photos and is nobody's word: how it is read, and what in it is refused. The
 * same file named by --config is the user's own, and none of this holds.
 */

import { constants } from 'node:fs';
import { lstat, open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { ExitCode, RunError, usageError } from '../../errors.js';
import { shown } from '../../formats/shared/file.js';
import { findWeights, isKnownModel } from '../../models/catalog/known.js';
import { knownWeights } from '../../models/catalog/registry.js';
import { reasonOf } from '../../output/sink.js';
import { folderTrust } from '../flags/folder.js';
import { variableOf } from '../flags/values.js';
import { type ConfigValues, MAX_CONFIG_BYTES, tooLarge } from './config-file.js';

/** Name of the folder's configuration, looked for in the current folder. */
export const FOLDER_CONFIG = 'vgg16.config.json';

const TRUST_IT = `Type --config ${FOLDER_CONFIG} if you trust the file.`;

/**
 * The text of the folder's configuration; `undefined` where there is none. Throws USAGE for what is no regular file (a pipe
 * would be waited for), for a link that leads out of the folder (errors would show what stands in another file), and for
 * one that is too large.
 */
export async function readFolderConfig(folder: string): Promise<string | undefined> {
  const file = join(folder, FOLDER_CONFIG);
  try {
    const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    const target = found.isSymbolicLink() ? await realpath(file).catch(leadsNowhere(file)) : file;
    if (found.isSymbolicLink() && !isWithin(await realpath(folder), target)) {
      throw usageError(
        `Expected the configuration ${file} to be in this folder but it is a link that leads out of it.`,
        TRUST_IT,
      );
    }
    const handle = await open(target, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const opened = await handle.stat();
      if (!opened.isFile()) throw usageError(`Expected a regular file as the configuration ${file} but it is none.`);
      if (opened.size > MAX_CONFIG_BYTES) throw tooLarge(file);
      const buffer = Buffer.alloc(MAX_CONFIG_BYTES);
      let bytes = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, bytes, buffer.length - bytes, bytes);
        bytes += bytesRead;
        if (bytesRead === 0) return buffer.toString('utf8', 0, bytes);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw usageError(`Expected to read the configuration ${file} but ${reasonOf(error)}.`);
  }
}

function leadsNowhere(file: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code !== 'ENOENT' && error.code !== 'ELOOP') throw error;
    throw usageError(`Expected the configuration ${file} to be a file but it is a link that leads nowhere.`);
  };
}

/** Throws USAGE, which names the key and the file, for what the folder's configuration may not set. */
export async function checkFolderValues(values: ConfigValues, folder: string): Promise<void> {
  const file = join(folder, FOLDER_CONFIG);
  for (const [key, texts] of values) {
    const trust = folderTrust(key);
    if (trust === 'no') {
      throw usageError(
        `Expected only how images are read and rows are made in ${file}, which came with the folder, but received the key "${key}".`,
        `Type --config ${FOLDER_CONFIG} if you trust the file; or set it yourself, by --${key} or ${variableOf(key)}.`,
      );
    }
    if (key === 'exclude') checkGlobs(texts, file);
    if (trust === 'yes') continue;
    for (const text of texts) {
      if (key === 'model' && isKnownModel(text)) continue;
      const reason = await whyOutside(text, folder);
      if (reason === undefined) continue;
      throw usageError(
        `Expected a path within the folder for "${key}" in ${file} but received ${shown(text)}, ${reason}.`,
        `Type --config ${FOLDER_CONFIG} if you trust the file, or --${key} PATH.`,
      );
    }
  }
}

/** Stars in one glob, and globs: over a name of 255 characters three take up to a tenth of a second, four take seven. */
const MAX_STARS = 3;
const MAX_GLOBS = 100;

/**
 * Globs become regular expressions, whose groups, repeated sets and stars take for ever over a name that is made for it:
 * `(a+)+b`, `[a]+[a]+[a]+b`, `*a*a*a*a*b`.
 */
function checkGlobs(globs: readonly string[], file: string): void {
  const slow = globs.find((glob) => {
    const plain = glob.replace(/\\[\s\S]/g, '');
    return /[()]|[\]}]\+/.test(plain) || (plain.match(/\*+/g) ?? []).length > MAX_STARS;
  });
  if (slow === undefined && globs.length <= MAX_GLOBS) return;
  throw usageError(
    slow === undefined
      ? `Expected at most ${MAX_GLOBS} globs for "exclude" in ${file} but received ${globs.length}.`
      : `Expected globs of at most ${MAX_STARS} stars and without groups for "exclude" in ${file} but received ${shown(slow)}.`,
    `Type --config ${FOLDER_CONFIG} if you trust the file; parentheses in names are written \\( and \\).`,
  );
}

/**
 * Why `path` does not lead to a file or a folder within `folder`; `undefined` where it does, or leads nowhere: that is told
 * by whoever opens it.
 */
async function whyOutside(path: string, folder: string): Promise<string | undefined> {
  if (path.split(/[\\/]/).includes('..')) return 'which goes up by ".."';
  try {
    // Not joined: that would take `link/.` for `link`'s own folder.
    const target = await realpath(isAbsolute(path) ? path : `${folder}${sep}${path}`);
    if (!isWithin(await realpath(folder), target)) return 'which leads out of it';
    const found = await stat(target);
    if (!found.isFile() && !found.isDirectory()) return 'which is neither a file nor a folder';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return `which cannot be looked up: ${reasonOf(error)}`;
    if (isAbsolute(path) && !isWithin(await realpath(folder), path)) return 'which leads out of it';
  }
  return undefined;
}

/** Whether `path` is `folder` or lies below it; both are real paths. */
function isWithin(folder: string, path: string): boolean {
  const below = relative(folder, path);
  return below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below);
}

/**
 * A folder may name known weights, but not have half a gigabyte downloaded for it. Throws MODEL_NOT_FOUND where the
 * weights are not on this machine.
 */
export async function refuseDownload(name: string, cacheDir: string, origin: string): Promise<void> {
  const known = knownWeights(name);
  if (known === undefined || (await findWeights(known, cacheDir, process.env)) !== undefined) return;
  throw new RunError(
    'MODEL_NOT_FOUND',
    `Expected weights that are on this machine for ${origin}, which came with the folder, but ${name} would have to be downloaded.`,
    { exitCode: ExitCode.Model, hint: `Type vgg16 model pull ${name}, or --model ${name}.` },
  );
}

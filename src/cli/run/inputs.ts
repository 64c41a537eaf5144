/** The input group's flags → the list of images. */

import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { usageError } from '../../errors.js';
import type { ImageList } from '../../images/list/find.js';
import { reasonOf } from '../../output/sink.js';
import { resolvedShard, type ShardRequest } from '../flags/shard.js';

export interface InputFlags {
  readonly 'files-from'?: string | undefined;
  readonly null?: boolean | undefined;
  readonly recursive: boolean;
  readonly ext: readonly string[];
  readonly exclude?: readonly string[] | undefined;
  readonly 'follow-symlinks': boolean;
  readonly limit?: number | undefined;
  readonly shard?: ShardRequest | undefined;
  readonly 'relative-to'?: string | undefined;
  readonly absolute?: boolean | undefined;
}

/** Finds what `inputs` and `flags` name. Throws NO_INPUTS when they name nothing, USAGE when nothing was named. */
export async function openInputs(inputs: readonly string[], flags: InputFlags, command: string): Promise<ImageList> {
  const list = flags['files-from'];
  if (inputs.length === 0 && list === undefined) {
    throw usageError(
      'Expected files, folders or globs, or --files-from, but received none.',
      `Type vgg16 ${command} photos/`,
    );
  }
  if (flags.null === true && list === undefined) {
    throw usageError('Expected --files-from with --null, which says how its paths end.');
  }
  const shard = resolvedShard(flags.shard);
  const { findImages } = await import('../../images/list/find.js');
  return findImages({
    inputs: asBytes(inputs),
    ...(list === undefined ? {} : { list: await openList(list, command, flags.null === true) }),
    nullSeparated: flags.null === true,
    recursive: flags.recursive,
    extensions: flags.ext,
    exclude: flags.exclude ?? [],
    followSymlinks: flags['follow-symlinks'],
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    ...(shard === undefined ? {} : { shard }),
    relativeTo: flags['relative-to'] ?? process.cwd(),
    absolute: flags.absolute === true,
  });
}

/** Opened and looked at before the model is loaded, so that a wrong name and a wrong file are told at once. */
async function openList(file: string, command: string, nullSeparated: boolean): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return process.stdin;
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'it does not exist' : reasonOf(error);
    throw usageError(`Expected to read paths from ${file} for --files-from but ${reason}.`);
  });
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) {
      throw usageError(
        `Expected a file with paths for --files-from but ${file} is a folder.`,
        `Leave out --files-from: vgg16 ${command} ${file}`,
      );
    }
    // A pipe can be read only once, and says what is wrong with it while it is.
    if (!stats.isFile()) return handle.createReadStream();
    const { checkPathList } = await import('../../images/list/file/paths.js');
    await checkPathList(handle, { nullSeparated });
    return handle.createReadStream({ start: 0 });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What Node puts for bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD';

/**
 * Node decodes arguments as UTF-8, and file names need not be: where it had to guess, Linux still has the bytes.
 * An argument is found again by what Node made of it.
 */
export function asBytes(inputs: readonly string[], readArguments = readRawArguments): readonly (string | Buffer)[] {
  if (!inputs.some((input) => input.includes(REPLACEMENT))) return inputs;
  const raw = readArguments();
  return inputs.map((input) => {
    if (!input.includes(REPLACEMENT)) return input;
    const place = raw.findIndex((bytes) => bytes.toString('utf8') === input);
    return place === -1 ? input : (raw.splice(place, 1)[0] ?? input);
  });
}

function readRawArguments(): Buffer[] {
  try {
    const bytes = readFileSync('/proc/self/cmdline');
    const parts: Buffer[] = [];
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(0, start);
      parts.push(bytes.subarray(start, end === -1 ? undefined : end));
      start = end === -1 ? bytes.length : end + 1;
    }
    return parts;
  } catch {
    return []; // not Linux: macOS file names are UTF-8
  }
}

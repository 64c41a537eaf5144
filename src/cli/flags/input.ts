/** Which images: shared by every command that reads a stream of them. */

import { Args } from '@oclif/core';
import { parseShard } from '../shard.js';
import { FlagValueError, filled, group, repeatable, toggle, value, whole } from './values.js';

/** Formats that are looked for in folders; a file that is named is taken whatever its extension. */
export const DEFAULT_EXTENSIONS = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif'] as const;

/** The positional arguments. `ignoreStdin`: oclif would otherwise swallow the list that --files-from - reads. */
export const inputArgs = {
  inputs: Args.string({
    name: 'INPUTS',
    multiple: true,
    ignoreStdin: true,
    description: 'Files, folders and globs (quote a glob to spare the shell the work).',
  }),
};

/** `jpg,.PNG` → jpg, png. */
export function parseExtensions(input: string): readonly string[] {
  const list = input.split(',').map((part) => part.trim().replace(/^\./, '').toLowerCase());
  if (list.some((part) => !/^[^\s/.*?]+(\.[^\s/.*?]+)*$/.test(part))) {
    throw new FlagValueError('extensions separated by commas, such as jpg,png', input);
  }
  return list;
}

export const inputFlags = group('INPUT', {
  'files-from': value(filled('a file, or - for stdin'), {
    helpValue: 'FILE|-',
    summary: 'Read the paths from a file or stdin (-), one a line; order and repeats are kept.',
  }),
  null: toggle({
    char: '0',
    summary: 'Paths in --files-from end with a NUL byte instead of a line end (find -print0).',
  }),
  recursive: toggle({ allowNo: true, default: true, summary: 'Look into the folders of a folder.' }),
  ext: value<readonly string[]>(parseExtensions, {
    helpValue: 'LIST',
    default: DEFAULT_EXTENSIONS,
    defaultHelp: DEFAULT_EXTENSIONS.join(','),
    summary: 'Extensions to look for in folders, in any case.',
  }),
  exclude: repeatable(filled('a glob'), {
    helpValue: 'GLOB',
    summary: 'Leave out the paths that match; can be given again.',
  }),
  'follow-symlinks': toggle({ allowNo: true, default: false, summary: 'Follow symbolic links inside folders.' }),
  limit: value(whole({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
    helpValue: 'N',
    summary: 'Take the first N images only.',
  }),
  shard: value(parseShard, {
    helpValue: 'I/N|auto|auto/N',
    summary: "Take the I-th of N equal shares (from 1); auto: from the job engine's variables.",
  }),
});

/** Which images: shared by every command that reads a stream of them. */

import { Args } from '@oclif/core';
import { IMAGE_EXTENSIONS } from '../../images/list/extensions.js';
import { parseShard } from './shard.js';
import { FlagValueError, filled, group, repeatable, toggle, value, whole } from './values.js';

/** The positional arguments. `ignoreStdin`: oclif would otherwise swallow the list that --files-from - reads. */
export const inputArgs = {
  inputs: Args.string({
    name: 'INPUTS',
    multiple: true,
    ignoreStdin: true,
    description: 'Files, folders, globs and archives (.tar, .tar.gz, .zip).',
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
    default: IMAGE_EXTENSIONS,
    defaultHelp: IMAGE_EXTENSIONS.join(','),
    summary:
      'Extensions to look for in folders and archives, in any case; with tar or zip archives in folders are opened.',
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

/** Which images a run is about: files, folders, globs and lists of paths, in a fixed order. */

import { createHash } from 'node:crypto';
import { lstat, stat } from 'node:fs/promises';
import { extname, relative, resolve } from 'node:path/posix';
import { usageError } from '../errors.js';
import { toBuffer, toByteString, toText } from './bytes.js';
import { excludeFilter } from './exclude.js';
import { noInputs, type Seen } from './no-inputs.js';
import { readPathList } from './path-list.js';
import { isGlob, realPath, type Walk, walk } from './walk.js';

export interface FindOptions {
  /** Files (taken whatever their extension), folders and globs; what exists by that very name is never a glob. */
  readonly inputs: readonly (string | Buffer)[];
  /** The bytes of `--files-from`: one path an entry, taken as they come, duplicates included. Follows `inputs`. */
  readonly list?: AsyncIterable<Uint8Array>;
  /** Entries of `list` end with NUL instead of a newline. */
  readonly nullSeparated: boolean;
  /** Enter the folders inside a folder. */
  readonly recursive: boolean;
  /** What counts as an image in folders and globs: extensions without the dot, any case. */
  readonly extensions: readonly string[];
  /** Globs of files and folders to leave out, see exclude.ts. */
  readonly exclude: readonly string[];
  /** Follow links found in folders; a link that is itself an input is always followed. */
  readonly followSymlinks: boolean;
  /** Take no more than this many, before sharding. */
  readonly limit?: number;
  /** Take every `count`-th, starting with the `index`-th (from 1). */
  readonly shard?: { readonly index: number; readonly count: number };
  /** Folder that shown paths are relative to. */
  readonly relativeTo: string;
  /** Show absolute paths. */
  readonly absolute: boolean;
}

export interface ImageFile {
  /** Absolute path, as the bytes that the file system knows. */
  readonly file: Buffer;
  /** As shown in rows: valid UTF-8. It may hold control characters. */
  readonly path: string;
  /** Position before sharding, from 0. */
  readonly index: number;
}

export interface ImageList {
  /** Number of files to come; unknown for a list that is still being read. */
  readonly total: number | undefined;
  /** To be gone through once. A list without a single entry ends with `NO_INPUTS`. */
  readonly files: AsyncIterable<ImageFile>;
  /** sha256 in hex of the shown paths taken so far, each followed by a NUL. */
  digest(): string;
}

/**
 * Folders and globs are listed in full and sorted by absolute path in byte order, each real file once. A path that
 * does not exist and a folder that cannot be listed stay in, to fail under their own name.
 *
 * @throws RunError NO_INPUTS when no input names a file.
 */
export async function findImages(options: FindOptions): Promise<ImageList> {
  const cwd = toByteString(process.cwd());
  const excluded = excludeFilter(options.exclude, cwd);
  const paths = await listInputs(options, cwd, excluded);
  const hash = createHash('sha256');

  async function* files(): AsyncGenerator<ImageFile> {
    const show = shownPath(options, cwd);
    for await (const { path, index } of select(allPaths(paths, options, cwd, excluded), options)) {
      const shown = show(path);
      hash.update(shown).update('\0');
      yield { file: toBuffer(path), path: shown, index };
    }
  }

  return {
    total: options.list === undefined ? countSelected(paths.length, options) : undefined,
    files: files(),
    digest: () => hash.copy().digest('hex'),
  };
}

/** Sorted absolute paths of `options.inputs`. */
async function listInputs(
  options: FindOptions,
  cwd: string,
  excluded: (path: string) => boolean,
): Promise<readonly string[]> {
  const isImage = extensionFilter(options.extensions);
  const seen: Seen = { missing: [], unreadable: [], others: 0, links: 0, excluded: 0 };
  /** Shown for each real file: the first of its paths in byte order. */
  const byRealPath = new Map<string, string>();
  const take = (path: string, real: string) => {
    const before = byRealPath.get(real);
    if (before === undefined || path < before) byRealPath.set(real, path);
  };
  const takeAll = ({ files, unreadable, links, excluded, realPath }: Walk) => {
    for (const file of files) {
      if (isImage(file)) take(file, realPath(file));
      else seen.others += 1;
    }
    for (const folder of unreadable) {
      seen.unreadable.push(folder);
      take(folder, folder);
    }
    seen.links += links;
    seen.excluded += excluded;
  };

  for (const input of options.inputs) {
    const argument = toByteString(input);
    if (argument === '') throw usageError('Expected a file, folder or glob but received an empty argument.');
    const path = resolve(cwd, argument);
    const kind = await kindOf(path);
    if (kind !== 'missing' && excluded(path)) {
      seen.excluded += 1;
    } else if (kind === 'folder') {
      takeAll(await walk({ ...options, cwd: path, pattern: null, excluded }));
    } else if (kind === 'file') {
      take(path, realPath(path));
    } else {
      const matches = isGlob(argument) ? await walk({ ...options, cwd, pattern: argument, excluded }) : undefined;
      if (matches !== undefined) takeAll(matches);
      if (matches === undefined || matches.files.length + matches.unreadable.length === 0) {
        seen.missing.push(path);
        take(path, path);
      }
    }
  }
  if (options.list === undefined && byRealPath.size <= seen.missing.length + seen.unreadable.length) {
    throw noInputs(options, seen);
  }
  return [...byRealPath.values()].sort(byteOrder);
}

/** A link to nothing, or a path that may not be looked at, counts as a file: reading it will say what is wrong. */
async function kindOf(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    return (await stat(toBuffer(path))).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ENAMETOOLONG') return 'file';
    return lstat(toBuffer(path)).then(
      () => 'file',
      () => 'missing',
    );
  }
}

async function* allPaths(
  inputs: readonly string[],
  { list, nullSeparated }: FindOptions,
  cwd: string,
  excluded: (path: string) => boolean,
): AsyncGenerator<string> {
  yield* inputs;
  if (list === undefined) return;
  let empty = inputs.length === 0;
  for await (const entry of readPathList(list, { nullSeparated })) {
    const path = resolve(cwd, toByteString(entry));
    empty = false;
    if (!excluded(path)) yield path;
  }
  if (empty) throw noInputs();
}

/** Applies `limit`, then `shard`. */
async function* select(
  paths: AsyncIterable<string>,
  { limit = Number.POSITIVE_INFINITY, shard = { index: 1, count: 1 } }: FindOptions,
): AsyncGenerator<{ readonly path: string; readonly index: number }> {
  if (limit === 0) return;
  let index = 0;
  for await (const path of paths) {
    if (index % shard.count === shard.index - 1) yield { path, index };
    index += 1;
    if (index === limit) return;
  }
}

function countSelected(length: number, { limit = length, shard = { index: 1, count: 1 } }: FindOptions): number {
  return Math.max(0, Math.ceil((Math.min(length, limit) - (shard.index - 1)) / shard.count));
}

function shownPath({ relativeTo, absolute }: FindOptions, cwd: string): (path: string) => string {
  if (absolute) return toText;
  const base = resolve(cwd, toByteString(relativeTo));
  const prefix = base === '/' ? '/' : `${base}/`;
  return (path) => toText(path.startsWith(prefix) ? path.slice(prefix.length) : relative(base, path) || '.');
}

function extensionFilter(extensions: readonly string[]): (path: string) => boolean {
  const wanted = new Set(extensions.map((extension) => `.${extension.replace(/^\./, '').toLowerCase()}`));
  return (path) => wanted.has(extname(path).toLowerCase());
}

function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

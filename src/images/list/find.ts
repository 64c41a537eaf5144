/** Which images a run is about: files, folders, globs, archives and lists of paths, in a fixed order. */

import { createHash } from 'node:crypto';
import { relative, resolve } from 'node:path/posix';
import type { ImageError } from '../../errors.js';
import { type ArchiveEntry, type ArchiveFilter, archiveEntries, type Member } from '../archive/archive.js';
import { toBuffer, toByteString, toText } from '../files/byte-strings.js';
import { collectGarbage } from './collect-garbage.js';
import { excludeFilter } from './exclude.js';
import { type Extensions, isArchive, sortExtensions } from './extensions.js';
import { readPathList } from './file/paths.js';
import { listInputs } from './inputs.js';
import { noInputs, type Seen } from './no-inputs.js';
import { PassedOver } from './passed-over.js';
import { PathTable } from './path-table.js';

export interface FindOptions {
  /**
   * Files (taken whatever their extension), folders and globs; what exists by that very name is never a glob. Archives
   * (`.tar`, `.tar.gz`, `.tgz`, `.zip`) are looked into when they are named, match a glob or stand in `list`; in folders
   * only when `extensions` has theirs.
   */
  readonly inputs: readonly (string | Buffer)[];
  /** The bytes of `--files-from`: one path an entry, taken as they come, duplicates included. Follows `inputs`. */
  readonly list?: AsyncIterable<Uint8Array>;
  /** Entries of `list` end with NUL instead of a newline. */
  readonly nullSeparated: boolean;
  /** Enter the folders inside a folder. */
  readonly recursive: boolean;
  /** What counts as an image in folders, globs and archives: extensions without the dot, any case. */
  readonly extensions: readonly string[];
  /** Globs of files and folders to leave out, see exclude.ts. */
  readonly exclude: readonly string[];
  /** Follow links found in folders; a link that is itself an input is always followed. */
  readonly followSymlinks: boolean;
  /** Take no more than this many, before sharding. A file in an archive counts like any other. */
  readonly limit?: number;
  /** Take every `count`-th, starting with the `index`-th (from 1). */
  readonly shard?: { readonly index: number; readonly count: number };
  /** Folder that shown paths are relative to. */
  readonly relativeTo: string;
  /** Show absolute paths. */
  readonly absolute: boolean;
}

export interface ImageFile {
  /** Absolute path, as the bytes that the file system knows; for a file in an archive the archive's. */
  readonly file: Buffer;
  /** As shown in rows: valid UTF-8, for a file in an archive `archive.tar/inner/name.jpg`. It may hold control characters. */
  readonly path: string;
  /** Position before sharding, from 0. */
  readonly index: number;
  /** The contents of a file in an archive, read already: to be let go of once the image is decoded. */
  readonly member?: Member;
  /** Why an archive has no (more) files: `loadImage` throws it. */
  readonly failure?: ImageError;
}

export interface ImageList {
  /** Number of files to come; unknown for a list that is still being read, and where there is an archive. */
  readonly total: number | undefined;
  /**
   * To be gone through once, to the end or to a `return`, which closes what is open. Ends with `NO_INPUTS` for a list
   * without a single entry, and for archives without an image where there is nothing else.
   */
  readonly files: AsyncIterable<ImageFile>;
  /** sha256 in hex of the shown paths taken so far, each followed by a NUL. */
  digest(): string;
  /** The same of all shown paths gone through so far, those of other shards too: one value for all shards at the end. */
  listDigest(): string;
  /** What has been met so far and not taken: in folders all of it from the start, in archives and lists as they go by. */
  readonly passedOver: PassedOver;
}

/** Files from which on a listing's garbage is worth a collection: 10 MB of it, some 30 ms. */
const LONG_LIST = 10_000;

/** Where members of archives that are passed over are counted. */
const PASSED_MEMBERS = { hidden: 'hidden', link: 'links', excluded: 'excluded' } as const;

const WHOLE = { index: 1, count: 1 };

/**
 * Folders and globs are listed in full and sorted by absolute path in byte order, each real file once; archives have
 * their place among the files, and their own order inside. A path that does not exist and a folder that cannot be listed
 * stay in, to fail under their own name.
 *
 * @throws RunError NO_INPUTS when no input names a file.
 */
export async function findImages(options: FindOptions): Promise<ImageList> {
  const cwd = toByteString(process.cwd());
  const search: Search = {
    cwd,
    excluded: excludeFilter(options.exclude, cwd),
    extensions: sortExtensions(options.extensions),
    seen: { missing: [], unreadable: [], passedOver: new PassedOver() },
  };
  const { seen, excluded, extensions } = search;
  const listed = await listInputs({ ...options, cwd, excluded, isWanted: extensions.isWanted }, seen);
  const hasArchive = listed.some(isArchive);
  const paths = new PathTable(listed);
  if (options.list === undefined && paths.length <= seen.missing.length + seen.unreadable.length) {
    throw noInputs(options, seen);
  }
  const selected = createHash('sha256');
  const all = createHash('sha256');

  async function* files(): AsyncGenerator<ImageFile> {
    const { limit = Number.POSITIVE_INFINITY, shard = WHOLE } = options;
    if (limit === 0) return;
    if (paths.length >= LONG_LIST) await collectGarbage();
    const show = shownPath(options, cwd);
    let index = 0;
    const isNextWanted = () => index % shard.count === shard.index - 1;
    for await (const { file, path, ...contents } of allEntries(paths, options, search, isNextWanted)) {
      const shown = show(path);
      all.update(shown).update('\0');
      if (isNextWanted()) {
        selected.update(shown).update('\0');
        yield { file: toBuffer(file), path: shown, index, ...contents };
      }
      index += 1;
      if (index === limit) return;
    }
  }

  return {
    total: options.list === undefined && !hasArchive ? countSelected(paths.length, options) : undefined,
    files: files(),
    digest: () => selected.copy().digest('hex'),
    listDigest: () => all.copy().digest('hex'),
    passedOver: seen.passedOver,
  };
}

/** What the options come to, and what has been met so far. */
interface Search {
  /** A byte string, see byte-strings.ts. */
  readonly cwd: string;
  readonly excluded: (path: string) => boolean;
  readonly extensions: Extensions;
  readonly seen: Seen;
}

/** The paths of all inputs and of the list, with what is in the archives among them instead of those. */
async function* allEntries(
  inputs: PathTable,
  options: FindOptions,
  search: Search,
  isNextWanted: () => boolean,
): AsyncGenerator<ArchiveEntry> {
  const { excluded, extensions, seen } = search;
  const { passedOver } = seen;
  const filter: ArchiveFilter = {
    isImage: extensions.isImage,
    excluded,
    followSymlinks: options.followSymlinks,
    onPassed: (why, path) => {
      if (why === 'other') passedOver.addOther(path);
      else passedOver[PASSED_MEMBERS[why]] += 1;
    },
    isNextWanted,
  };
  /** Archives that had nothing to give, as long as nothing else has. */
  const barren: string[] = [];
  let any = false;
  for await (const path of allPaths(inputs, options, search)) {
    if (isArchive(path)) {
      for await (const entry of archiveEntries(path, filter)) {
        any = true;
        yield entry;
      }
      if (!any) barren.push(path);
    } else {
      any = true;
      yield { file: path, path };
    }
  }
  if (!any && barren.length > 0) {
    throw noInputs({ inputs: barren.map(toBuffer), extensions: extensions.images }, seen);
  }
}

async function* allPaths(
  inputs: PathTable,
  { list, nullSeparated }: FindOptions,
  { cwd, excluded, seen }: Search,
): AsyncGenerator<string> {
  yield* inputs;
  if (list === undefined) return;
  let empty = inputs.length === 0;
  for await (const entry of readPathList(list, { nullSeparated })) {
    const path = resolve(cwd, toByteString(entry));
    empty = false;
    if (excluded(path)) seen.passedOver.excluded += 1;
    else yield path;
  }
  if (empty) throw noInputs();
}

function countSelected(length: number, { limit = length, shard = WHOLE }: FindOptions): number {
  return Math.max(0, Math.ceil((Math.min(length, limit) - (shard.index - 1)) / shard.count));
}

function shownPath({ relativeTo, absolute }: FindOptions, cwd: string): (path: string) => string {
  if (absolute) return toText;
  const base = resolve(cwd, toByteString(relativeTo));
  const prefix = base === '/' ? '/' : `${base}/`;
  return (path) => toText(path.startsWith(prefix) ? path.slice(prefix.length) : relative(base, path) || '.');
}

/** Files below a directory or matching a glob, by fast-glob over byte strings (see byte-strings.ts). */

import fs, { constants, type Dirent, Stats } from 'node:fs';
import { dirname, resolve } from 'node:path/posix';
import fastGlob from 'fast-glob';
import { hideLineEnds, showLineEnds, toBuffer } from '../files/byte-strings.js';
import { isHiddenName, isSystemName, systemNamesIn } from '../files/hidden.js';
import { MAX_GLOB_BYTES } from './exclude.js';
import type { PassedOver } from './passed-over.js';

export interface WalkOptions {
  /** Absolute; relative patterns start here. */
  readonly cwd: string;
  /** A glob, or `null` for everything below `cwd`. */
  readonly pattern: string | null;
  /** Whether `cwd`'s folders are entered; a glob says itself how deep it goes. */
  readonly recursive: boolean;
  readonly followSymlinks: boolean;
  /** Whether a file is wanted, by its path; one that is hidden and would not be is not worth a word. */
  readonly isWanted: (path: string) => boolean;
  /** True for the absolute path of a file or folder that is not to be looked at. */
  readonly excluded: (path: string) => boolean;
}

export interface Walk {
  /**
   * Absolute paths in no particular order: of regular files, of pipes and devices, which reading will tell apart, and, where
   * links are followed, of links to such and to nothing.
   */
  readonly files: readonly string[];
  /** Folders that could not be listed. */
  readonly unreadable: readonly string[];
  /** The path of one of `files` without links in it. */
  readonly realPath: (file: string) => string;
}

/**
 * Lists what is there, and counts what it passes over. Hidden names (see hidden.ts) are taken only where a glob asks for
 * them.
 */
export async function walk(options: WalkOptions, passedOver: PassedOver): Promise<Walk> {
  const tree = new ByteTree(options, passedOver);
  const cwd = hideLineEnds(options.cwd);
  const pattern = options.pattern === null ? (options.recursive ? '**' : '*') : hideLineEnds(options.pattern);
  const found = fastGlob.stream(pattern, {
    cwd,
    fs: tree.methods,
    followSymbolicLinks: options.followSymlinks,
    unique: false,
  });
  const files: string[] = [];
  for await (const entry of found as AsyncIterable<string>) files.push(showLineEnds(resolve(cwd, entry)));
  return {
    files,
    unreadable: tree.unreadable.map(showLineEnds),
    realPath: (file) => tree.realPath(hideLineEnds(file)),
  };
}

/** Whether an argument that names nothing can be meant as a glob. */
export function isGlob(argument: string): boolean {
  return argument.length <= MAX_GLOB_BYTES && fastGlob.isDynamicPattern(argument);
}

/** The path with every link resolved, or the path itself where that fails. */
export function realPath(path: string): string {
  try {
    return fs.realpathSync.native(toBuffer(path), 'buffer').toString('latin1');
  } catch {
    return path;
  }
}

/** For a link that leads nowhere, as inputs.ts has it: reading it will say what is wrong. */
const LINK_TO_NOTHING: Stats = Object.create(Stats.prototype, { mode: { value: constants.S_IFREG } });

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** The file system as fast-glob sees it: byte strings with hidden line ends, nothing excluded, no loops of links. */
class ByteTree {
  readonly unreadable: string[] = [];
  /** Folders listed so far and where they really are. */
  readonly #folders = new Map<string, string>();
  /** Entries that are links. */
  readonly #linked = new Set<string>();

  readonly #isHidden: (name: string) => boolean;

  constructor(
    private readonly options: WalkOptions,
    private readonly passedOver: PassedOver,
  ) {
    // Of names with a dot fast-glob knows itself whether a glob asks for them.
    const named = systemNamesIn(options.pattern ?? '');
    this.#isHidden =
      options.pattern === null ? isHiddenName : (name) => isSystemName(name) && !named.has(name.toLowerCase());
  }

  realPath(file: string): string {
    if (this.#linked.has(file)) return realPath(file);
    const folder = dirname(file);
    const real = this.#folders.get(folder) ?? hideLineEnds(realPath(folder));
    return showLineEnds(real === folder ? file : join(real, file.slice(file.lastIndexOf('/') + 1)));
  }

  /** The part of node:fs that fast-glob's asynchronous walk uses. */
  get methods() {
    return {
      lstat: (path: string, done: Callback<Stats>) => fs.lstat(toBuffer(path), done),
      stat: (path: string, done: Callback<Stats>) =>
        fs.stat(toBuffer(path), (error, stats) =>
          error !== null && this.#linked.has(path) ? done(null, LINK_TO_NOTHING) : done(error, stats),
        ),
      readdir: (path: string, _options: unknown, done: Callback<Dirent[]>) => this.#list(path, done),
    } as unknown as Partial<fastGlob.FileSystemAdapter>;
  }

  #list(folder: string, done: Callback<Dirent[]>): void {
    if (this.#isLoop(folder)) {
      done(null, []);
      return;
    }
    fs.readdir(toBuffer(folder), { withFileTypes: true, encoding: 'buffer' }, (error, entries) => {
      if (error !== null) {
        // Gone in the meantime, or no folder after all: nothing to list. Anything else is for the user to know.
        if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') this.unreadable.push(folder);
        done(null, []);
      } else {
        done(null, this.#visible(folder, entries as unknown as Dirent<Buffer>[]));
      }
    });
  }

  #visible(folder: string, entries: readonly Dirent<Buffer>[]): Dirent[] {
    const visible: Dirent[] = [];
    for (const entry of entries) {
      const name = hideLineEnds(entry.name.toString('latin1'));
      const path = join(folder, name);
      if (this.options.excluded(path)) {
        this.passedOver.excluded += 1;
        continue;
      }
      if (this.#isHidden(name)) {
        if (this.#isMissed(path, entry)) this.passedOver.hidden += 1;
        continue;
      }
      const isLink = entry.isSymbolicLink();
      if (isLink && this.options.followSymlinks) this.#linked.add(path);
      else if (isLink) this.passedOver.links += 1;
      // Pipes and devices go for files, and reading them says what they are.
      if (!(isLink || entry.isFile() || entry.isDirectory())) entry.isFile = () => true;
      visible.push(Object.assign(entry, { name }) as unknown as Dirent);
    }
    return visible;
  }

  /** Whether a hidden entry would be taken, or looked into, under another name. */
  #isMissed(path: string, entry: Dirent<Buffer>): boolean {
    return entry.isDirectory() ? this.options.recursive : this.options.isWanted(showLineEnds(path));
  }

  /** A folder that is reached from inside itself, through a link. */
  #isLoop(folder: string): boolean {
    const real = hideLineEnds(realPath(folder));
    this.#folders.set(folder, real);
    if (!this.options.followSymlinks) return false;
    for (let above = dirname(folder); this.#folders.has(above); above = dirname(above)) {
      if (this.#folders.get(above) === real) return true;
      if (above === '/') break;
    }
    return false;
  }
}

function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

/** Files below a directory or matching a glob, by fast-glob over byte strings (see bytes.ts). */

import fs, { type Dirent, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path/posix';
import fastGlob from 'fast-glob';
import { hideLineEnds, showLineEnds, toBuffer } from './bytes.js';

export interface WalkOptions {
  /** Absolute; relative patterns start here. */
  readonly cwd: string;
  /** A glob, or `null` for everything below `cwd`. */
  readonly pattern: string | null;
  /** Whether `cwd`'s folders are entered; a glob says itself how deep it goes. */
  readonly recursive: boolean;
  readonly followSymlinks: boolean;
  /** True for the absolute path of a file or folder that is not to be looked at. */
  readonly excluded: (path: string) => boolean;
}

export interface Walk {
  /** Absolute paths of regular files (and of links to such, where links are followed), in no particular order. */
  readonly files: readonly string[];
  /** Folders that could not be listed. */
  readonly unreadable: readonly string[];
  /** Links passed over because links are not followed. */
  readonly links: number;
  /** Files and folders left out because they are excluded. */
  readonly excluded: number;
  /** The path of one of `files` without links in it. */
  readonly realPath: (file: string) => string;
}

/** Lists what is there. Names that start with a dot count only where a glob asks for them. */
export async function walk(options: WalkOptions): Promise<Walk> {
  const tree = new ByteTree(options);
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
    links: tree.links,
    excluded: tree.excluded,
    realPath: (file) => tree.realPath(hideLineEnds(file)),
  };
}

/** Whether an argument that names nothing can be meant as a glob. */
export function isGlob(argument: string): boolean {
  return fastGlob.isDynamicPattern(argument);
}

/** The path with every link resolved, or the path itself where that fails. */
export function realPath(path: string): string {
  try {
    return fs.realpathSync.native(toBuffer(path), 'buffer').toString('latin1');
  } catch {
    return path;
  }
}

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** The file system as fast-glob sees it: byte strings with hidden line ends, nothing excluded, no loops of links. */
class ByteTree {
  readonly unreadable: string[] = [];
  links = 0;
  excluded = 0;
  /** Folders listed so far and where they really are. */
  readonly #folders = new Map<string, string>();
  /** Entries that are links. */
  readonly #linked = new Set<string>();

  constructor(private readonly options: Pick<WalkOptions, 'followSymlinks' | 'excluded'>) {}

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
      stat: (path: string, done: Callback<Stats>) => fs.stat(toBuffer(path), done),
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
        this.excluded += 1;
        continue;
      }
      if (entry.isSymbolicLink()) {
        if (this.options.followSymlinks) this.#linked.add(path);
        else this.links += 1;
      }
      visible.push(Object.assign(entry, { name }) as unknown as Dirent);
    }
    return visible;
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

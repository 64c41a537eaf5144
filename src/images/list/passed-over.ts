/** Counts what a search meets and does not take. */

import { extname } from 'node:path/posix';

/** Kinds of extensions that are told apart; a folder can have a different one for each of its files. */
const MAX_EXTENSIONS = 1000;

/** Extensions that are named: those of programs, not the ends of names with a dot in the middle. */
const EXTENSION = /^\.[a-z0-9]{1,8}$/;

export interface PassedOverCounts {
  /** Files whose extension is not wanted. */
  readonly others: number;
  /** Symbolic links not followed. */
  readonly links: number;
  /** Files with a wanted extension and folders whose names are hidden, see hidden.ts; such a folder is not looked into. */
  readonly hidden: number;
  /** Files and folders that `--exclude` takes out. */
  readonly excluded: number;
}

export class PassedOver implements PassedOverCounts {
  others = 0;
  links = 0;
  hidden = 0;
  excluded = 0;
  readonly #extensions = new Map<string, number>();

  /** A file with another extension. */
  addOther(path: string): void {
    this.others += 1;
    const extension = extname(path).toLowerCase();
    const before = this.#extensions.get(extension);
    if (!EXTENSION.test(extension) || (before === undefined && this.#extensions.size >= MAX_EXTENSIONS)) return;
    this.#extensions.set(extension, (before ?? 0) + 1);
  }

  /** The most frequent of the other extensions with their dots, and how many files have them. */
  topExtensions(most: number): readonly (readonly [extension: string, files: number])[] {
    return [...this.#extensions].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, most);
  }

  counts(): PassedOverCounts {
    const { others, links, hidden, excluded } = this;
    return { others, links, hidden, excluded };
  }
}

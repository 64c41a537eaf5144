/**
 * Files for a while: what a packed output is unpacked into. They lie in a folder of this process beside the output, where
 * there is room for it, and never beside a part, whose folder may be read-only or read by another process at the same
 * time. The folder goes with the process, however it ends; after kill -9 the next one for the same output deletes it.
 */

import { mkdir, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stateOf } from '../../process.js';
import { outputFailed } from '../sink.js';
import {
  isOwnedName,
  OWNER,
  ownedName,
  ownerOf,
  ownerText,
  removeOwned,
  removeOwnedNow,
  touchRegularly,
} from './owned-folder.js';

/** How often a folder is touched, in milliseconds, so that another machine can tell that it is in use. */
const TOUCH_MS = 5_000;

/** Age of an untouched folder of another machine after which it counts as left; clocks may differ by some of it. */
const ABANDONED_MS = 120_000;

/** What the name of a folder ends with. */
const ENDING = 'unpacked';

/** Folders of this process. */
const folders = new Set<string>();

/** Whether the end of the process is listened for. */
let isHeard = false;

/** Deletes all scratch files of this process at once, for an end that waits for nothing. */
export function removeScratch(): void {
  for (const folder of folders) removeOwnedNow(folder);
  folders.clear();
}

export class Scratch {
  readonly #beside: string;
  #folder: Promise<string> | undefined;
  #stopTouching = () => {};
  #files = 0;

  /** `beside` is the output whose name the folder begins with; nothing is created before a file is asked for. */
  constructor(beside: string) {
    this.#beside = beside;
  }

  /** The path of a new file. Throws OUTPUT_FAILED where the folder cannot be made. */
  async file(): Promise<string> {
    this.#folder ??= this.#create();
    this.#files += 1;
    return join(await this.#folder, String(this.#files));
  }

  async dispose(): Promise<void> {
    this.#stopTouching();
    const folder = await this.#folder?.catch(() => undefined);
    if (folder === undefined) return;
    await removeOwned(folder);
    folders.delete(folder);
    this.#folder = undefined;
  }

  async #create(): Promise<string> {
    await sweepScratch(this.#beside);
    const folder = ownedName(this.#beside, ENDING);
    if (!isHeard) process.once('exit', removeScratch);
    isHeard = true;
    folders.add(folder);
    try {
      await mkdir(folder);
      await writeFile(join(folder, OWNER), await ownerText());
    } catch (error) {
      await removeOwned(folder).catch(() => {});
      folders.delete(folder);
      throw outputFailed(folder, error);
    }
    this.#stopTouching = touchRegularly(folder, TOUCH_MS);
    return folder;
  }
}

/** Deletes the folders that processes which are gone have left beside an output, and nothing in them but our own files. */
export async function sweepScratch(beside: string): Promise<void> {
  const name = basename(beside);
  for (const entry of await readdir(dirname(beside), { withFileTypes: true }).catch(() => [])) {
    const folder = join(dirname(beside), entry.name);
    if (!entry.isDirectory() || !isOwnedName(entry.name, name, ENDING) || folders.has(folder)) continue;
    if (!(await isLeft(folder))) continue;
    for (const file of await readdir(folder).catch(() => [])) {
      if (/^\d+$/.test(file) || file === OWNER) await rm(join(folder, file), { force: true }).catch(() => {});
    }
    await rmdir(folder).catch(() => {});
  }
}

async function isLeft(folder: string): Promise<boolean> {
  const owner = await ownerOf(folder);
  const state = owner === undefined ? 'unsure' : await stateOf(owner);
  if (state === 'lives' || state === 'ended') return state === 'ended';
  const touched = (await stat(folder).catch(() => undefined))?.mtimeMs ?? Date.now();
  return Date.now() - touched > ABANDONED_MS;
}

/**
 * Folders beside an output that a process has for itself while it makes or reads that output. Each says whose it is, so that
 * the next process for the same output can delete what a killed one has left, and nothing that a living one still uses.
 */

import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { readdir, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type ProcessIdentity, thisProcess } from '../../process.js';

/** The name inside the folder of the file that says whose it is. */
export const OWNER = 'owner.json';

export interface Owner extends ProcessIdentity {
  /** The name of the output, where the name of the folder may not have all of it. */
  readonly output?: string;
}

/** A new name for the folder of `output`: the output's name, eight digits and an ending. */
export function ownedName(output: string, ending: string): string {
  return `${output}.${randomBytes(4).toString('hex')}.${ending}`;
}

/** Whether `entry` is such a name. */
export function isOwnedName(entry: string, output: string, ending: string): boolean {
  const rest = entry.startsWith(`${output}.`) ? entry.slice(output.length + 1) : '';
  return rest.endsWith(`.${ending}`) && /^[0-9a-f]{8}$/.test(rest.slice(0, -ending.length - 1));
}

/** What `OWNER` says in a folder of this process. */
export async function ownerText(more: Pick<Owner, 'output'> = {}): Promise<string> {
  return JSON.stringify({ ...(await thisProcess()), ...more } satisfies Owner);
}

/** Whose a folder is; `undefined` where nothing in it says so. */
export async function ownerOf(folder: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(join(folder, OWNER), 'utf8')) as Partial<Owner> | null;
    const isOwner = Number.isSafeInteger(owner?.pid) && typeof owner?.machine === 'string';
    return isOwner ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

/** Touches `path` every so many milliseconds until it is stopped: from that another machine can tell that it is in use. */
export function touchRegularly(path: string, milliseconds: number): () => void {
  const touch = () => void utimes(path, new Date(), new Date()).catch(() => {});
  const timer = setInterval(touch, milliseconds);
  timer.unref();
  return () => clearInterval(timer);
}

/** Deletes a folder. The owner goes last: while anything else is there, a kill must leave what says whose it is. */
export async function removeOwned(folder: string): Promise<void> {
  for (const name of contentsOf(await readdir(folder).catch(() => []))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
  await rm(folder, { recursive: true, force: true });
}

/** The same within one call, for the end of the process. */
export function removeOwnedNow(folder: string): void {
  for (const name of contentsOf(namesIn(folder))) rmSync(join(folder, name), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // it is gone already
  }
}

const contentsOf = (names: readonly string[]): readonly string[] => names.filter((name) => name !== OWNER);

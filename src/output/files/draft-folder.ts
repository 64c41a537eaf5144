/**
 * The folders in which drafts are made: their names, their owners, and how those of processes that have ended are told
 * from those that live.
 */

import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stateOf } from '../../process.js';
import { isNameTaken } from './exists.js';
import { isOwnedName, OWNER, ownedName, ownerOf, removeOwned } from './owned-folder.js';
import { isTrial } from './trial.js';

/** Names inside a draft: the output in the making, and the folder that it replaces. */
export const WHOLE = 'whole';
export const REPLACED = 'replaced';

/** Longest name of a file, in bytes, on Linux's and macOS's file systems. */
const MAX_NAME_BYTES = 255;

const ENDING = 'partial';
const ENDING_BYTES = `.01234567.${ENDING}`.length;

/**
 * Milliseconds untouched after which the draft of another machine counts as dead. Long, since TensorFlow holds up the
 * thread that touches it, and nobody waits for the room.
 */
const ABANDONED_MS = 3_600_000;

/** The same for one without an owner: it was killed within the two system calls that make a draft. */
const UNOWNED_MS = 60_000;

/** A new draft's folder, beside the output. */
export function draftFolder(target: string): string {
  return join(dirname(target), ownedName(shortened(target), ENDING));
}

/** The output's name, cut off where it leaves no room for the ending of a draft. */
function shortened(target: string): string {
  let name = basename(target);
  while (Buffer.byteLength(name) > MAX_NAME_BYTES - ENDING_BYTES) name = [...name].slice(0, -1).join('');
  return name;
}

/**
 * Deletes the drafts of ended processes for the same output, but for `own`. One that holds a replaced folder may be all
 * that is left of that output, so it stays until a new one has the name.
 */
export async function deleteDead(
  target: string,
  own: string,
  { withReplaced }: { readonly withReplaced: boolean },
): Promise<void> {
  const name = shortened(target);
  const folder = dirname(target);
  for (const entry of await readdir(folder).catch(() => [])) {
    const draft = join(folder, entry);
    // A run that was killed while it tried the output has left an empty file.
    if (isTrial(entry, basename(target))) {
      const trial = await lstat(draft).catch(() => undefined);
      if (trial !== undefined && (await ageOf(trial, own)) > UNOWNED_MS)
        await rm(draft, { force: true }).catch(() => {});
      continue;
    }
    if (!isOwnedName(entry, name, ENDING)) continue;
    if (draft === own || !(await isDead(draft, target, own))) continue;
    if (!withReplaced && (await isNameTaken(join(draft, REPLACED)))) continue;
    await removeOwned(draft).catch(() => {});
  }
}

async function isDead(draft: string, target: string, own: string): Promise<boolean> {
  const found = await lstat(draft).catch(() => undefined);
  // Runs that stream rows have files of that name; a link is nobody's draft.
  if (found === undefined || !found.isDirectory()) return false;
  const [owner, touched] = await Promise.all([ownerOf(draft), stat(join(draft, OWNER)).catch(() => found)]);
  if (typeof owner?.output !== 'string') {
    const isEmpty = (await readdir(draft).catch(() => [''])).every((name) => name === OWNER);
    return isEmpty && (await ageOf(touched, own)) > UNOWNED_MS; // else another program's folder
  }
  if (owner.output !== basename(target)) return false;
  const state = await stateOf(owner);
  return state === 'elsewhere' ? (await ageOf(touched, own)) > ABANDONED_MS : state === 'ended';
}

/** Milliseconds since something was touched, by the clock of the disk, which may be another machine's. */
async function ageOf({ mtimeMs }: { readonly mtimeMs: number }, own: string): Promise<number> {
  const now = (await stat(join(own, OWNER)).catch(() => undefined))?.mtimeMs ?? Date.now();
  return now - mtimeMs;
}

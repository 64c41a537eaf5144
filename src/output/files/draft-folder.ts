/**
 * The folders in which drafts are made: their names, their owners, and how those of processes that have ended are told
 * from those that live.
 */

import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ProcessIdentity, stateOf, thisProcess } from '../../process.js';
import { isTrial } from './trial.js';

/** Names inside a draft: whose it is, the output in the making, and the folder that it replaces. */
export const OWNER = 'owner.json';
export const WHOLE = 'whole';
export const REPLACED = 'replaced';

/** Longest name of a file, in bytes, on Linux's and macOS's file systems. */
const MAX_NAME_BYTES = 255;

const ENDING = /^\.[0-9a-f]{8}\.partial$/;
const ENDING_BYTES = '.01234567.partial'.length;

/**
 * Milliseconds untouched after which the draft of another machine counts as dead. Long, since TensorFlow holds up the
 * thread that touches it, and nobody waits for the room.
 */
const ABANDONED_MS = 3_600_000;

/** The same for one without an owner: it was killed within the two system calls that make a draft. */
const UNOWNED_MS = 60_000;

/** A new draft's folder, beside the output. */
export function draftFolder(target: string): string {
  return join(dirname(target), `${shortened(target)}.${randomBytes(4).toString('hex')}.partial`);
}

/** What a draft's `OWNER` says: this process, and which output it makes. */
export async function ownerText(target: string): Promise<string> {
  return JSON.stringify({ ...(await thisProcess()), output: basename(target) } satisfies Owner);
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
    if (!entry.startsWith(name) || !ENDING.test(entry.slice(name.length))) continue;
    if (draft === own || !(await isDead(draft, target, own))) continue;
    if (!withReplaced && (await exists(join(draft, REPLACED)))) continue;
    await removeDraft(draft).catch(() => {});
  }
}

/** The owner last: while anything else is there, a kill must leave what says whose it is. */
export async function removeDraft(folder: string): Promise<void> {
  for (const name of contentsOf(await readdir(folder).catch(() => []))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
  await rm(folder, { recursive: true, force: true });
}

export const contentsOf = (names: readonly string[]): readonly string[] => names.filter((name) => name !== OWNER);

async function isDead(draft: string, target: string, own: string): Promise<boolean> {
  const found = await lstat(draft).catch(() => undefined);
  // Runs that stream rows have files of that name; a link is nobody's draft.
  if (found === undefined || !found.isDirectory()) return false;
  const path = join(draft, OWNER);
  const [text, touched] = await Promise.all([readFile(path, 'utf8').catch(() => ''), stat(path).catch(() => found)]);
  const owner = parseOwner(text);
  const isEmpty = owner === undefined && (await readdir(draft).catch(() => [''])).every((name) => name === OWNER);
  if (owner === undefined) return isEmpty && (await ageOf(touched, own)) > UNOWNED_MS; // else another program's folder
  if (owner.output !== basename(target)) return false;
  const state = await stateOf(owner);
  return state === 'elsewhere' ? (await ageOf(touched, own)) > ABANDONED_MS : state === 'ended';
}

/** Milliseconds since something was touched, by the clock of the disk, which may be another machine's. */
async function ageOf({ mtimeMs }: { readonly mtimeMs: number }, own: string): Promise<number> {
  const now = (await stat(join(own, OWNER)).catch(() => undefined))?.mtimeMs ?? Date.now();
  return now - mtimeMs;
}

interface Owner extends ProcessIdentity {
  /** Name of the output. */
  readonly output: string;
}

/** `undefined` where it is not what a draft has. */
function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    const isOwner =
      Number.isSafeInteger(owner?.pid) && typeof owner?.machine === 'string' && typeof owner.output === 'string';
    return isOwner ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * One process at a time, by a file that only one can create. A lock whose process is gone is taken over: of a process on
 * this machine that is known, of one on another machine (a shared cache) the lock grows old, because a live owner
 * touches it.
 */

import { randomBytes } from 'node:crypto';
import { link, lutimes, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type ProcessIdentity, stateOf, thisProcess } from '../../process.js';

/** How often an owner touches its lock, in milliseconds. */
const TOUCH_MS = 5_000;

/** Age of an untouched lock of another machine after which its owner counts as gone; clocks may differ by some of it. */
const ABANDONED_MS = 120_000;

/** A takeover is two system calls; one that is older was killed in between. */
const TAKEOVER_MS = 10_000;

export interface Owner extends ProcessIdentity {
  readonly token: string;
}

export class Lock {
  readonly #timer: NodeJS.Timeout;

  private constructor(
    readonly path: string,
    private readonly token: string,
    /** The lock was that of an owner on another machine, which may be alive after all: what it wrote is not to be touched. */
    readonly isDoubtful: boolean,
  ) {
    this.#timer = setInterval(() => void lutimes(path, new Date(), new Date()).catch(() => {}), TOUCH_MS);
    this.#timer.unref();
  }

  /** Takes the lock at `path`, or resolves to its owner. */
  static async take(path: string): Promise<Lock | Owner> {
    const own: Owner = { token: randomBytes(8).toString('hex'), ...(await thisProcess()) };
    const draft = `${path}.${own.token}`;
    await writeFile(draft, JSON.stringify(own), { flag: 'wx' });
    try {
      for (;;) {
        // A link, not a new file: the lock is never there without its content.
        if (await linked(draft, path)) return new Lock(path, own.token, false);
        const owner = await readOwner(path);
        if (owner === undefined) continue; // it was released just now
        if ((await isAlive(owner, path)) || !(await replaced(draft, path, owner))) return owner;
        return new Lock(path, own.token, owner.machine !== own.machine);
      }
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Whether nobody has taken it over meanwhile. */
  async isHeld(): Promise<boolean> {
    return (await readOwner(this.path))?.token === this.token;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    if (await this.isHeld()) await rm(this.path, { force: true });
  }
}

/**
 * Puts `draft` in place of the lock of `gone`. Of several that try, the one that can create the file named after that
 * owner does it; who comes later finds another owner in the lock, and leaves it.
 */
async function replaced(draft: string, path: string, gone: Owner): Promise<boolean> {
  const ticket = `${path}.after-${gone.token}`;
  if (!(await linked(draft, ticket))) {
    const age = Date.now() - ((await stat(ticket).catch(() => undefined))?.ctimeMs ?? Date.now());
    if (age > TAKEOVER_MS) await rm(ticket, { force: true });
    return false;
  }
  try {
    if ((await readOwner(path))?.token !== gone.token) return false;
    await rename(ticket, path);
    return true;
  } finally {
    await rm(ticket, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    // A file system without hard links.
    return await writeFile(to, await readFile(from), { flag: 'wx' }).then(
      () => true,
      (refused: NodeJS.ErrnoException) => {
        if (refused.code === 'EEXIST') return false;
        throw refused;
      },
    );
  }
}

/** `undefined` where there is no lock. One that is damaged has an owner that never lived. */
async function readOwner(path: string): Promise<Owner | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { token, pid, machine, began } = JSON.parse(text) as Owner;
    if (typeof machine === 'string' && Number.isSafeInteger(pid) && /^[0-9a-f]+$/.test(token)) {
      return { token, pid, machine, began: typeof began === 'string' ? began : null };
    }
  } catch {
    // Damaged.
  }
  return { token: 'damaged', pid: 0, machine: '', began: null };
}

async function isAlive(owner: Owner, path: string): Promise<boolean> {
  const state = await stateOf(owner);
  if (state !== 'elsewhere') return state !== 'ended';
  const touched = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
  return Date.now() - touched < ABANDONED_MS;
}

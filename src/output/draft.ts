/**
 * Outputs that are complete or absent and that nobody goes on with half-way, such as a model: a file or a folder is made
 * in a draft beside its place and gets its name when it is whole. The draft is deleted on an error and on a signal; what
 * a kill has left is deleted by the next run for the same output, once its process is known to have ended.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { link, lstat, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ExitCode, RunError } from '../errors.js';
import { type ProcessIdentity, stateOf, thisProcess } from '../process.js';
import { syncFolder } from './atomic.js';
import { resolveOutput } from './links.js';
import { outputFailed, reasonOf } from './sink.js';
import { isTrial } from './trial.js';

/** Names inside a draft: whose it is, the output in the making, and the folder that it replaces. */
const OWNER = 'owner.json';
const WHOLE = 'whole';
const REPLACED = 'replaced';

/** Longest name of a file, in bytes, on Linux's and macOS's file systems. */
const MAX_NAME_BYTES = 255;

const ENDING = /^\.[0-9a-f]{8}\.partial$/;
const ENDING_BYTES = '.01234567.partial'.length;

/** How often a draft's owner is touched, in milliseconds. */
const TOUCH_MS = 30_000;

/**
 * Milliseconds untouched after which the draft of another machine counts as dead. Long, since TensorFlow holds up the
 * thread that touches it, and nobody waits for the room.
 */
const ABANDONED_MS = 3_600_000;

/** The same for one without an owner: it was killed within the two system calls that make a draft. */
const UNOWNED_MS = 60_000;

export interface PublishOptions {
  /** Replace what is there. */
  readonly replace: boolean;
  /** Asked of a folder just before it is replaced; throws where it must not be. */
  readonly mayReplace?: (folder: string) => Promise<void>;
}

/** Drafts of this process that are neither published nor discarded. */
const drafts = new Set<Draft>();

/** Deletes all drafts at once, for a process that ends in the midst of its work. */
export function discardDrafts(): void {
  for (const draft of drafts) draft.discardNow();
}

export class Draft {
  /** Where the output is to be written: a file or a folder. Nothing is there yet; names that begin so may be used too. */
  readonly path: string;
  readonly #timer: NodeJS.Timeout;
  /** Whether the draft holds the only copy of the folder that is being replaced. */
  #holdsReplaced = false;

  private constructor(
    /** The output as it was named, for messages. */
    private readonly name: string,
    /** The output itself: links are followed. */
    private readonly target: string,
    private readonly folder: string,
  ) {
    this.path = join(folder, WHOLE);
    const owner = join(folder, OWNER);
    this.#timer = setInterval(() => void utimes(owner, new Date(), new Date()).catch(() => {}), TOUCH_MS);
    this.#timer.unref();
    drafts.add(this);
  }

  /** Makes a draft for `output`, and room by deleting dead ones. Throws OUTPUT_FAILED where that cannot be. */
  static async open(output: string): Promise<Draft> {
    const target = await resolveOutput(output);
    const owner = await thisProcess();
    const folder = join(dirname(target), `${shortened(target)}.${randomBytes(4).toString('hex')}.partial`);
    let draft: Draft | undefined;
    try {
      // At once, so that no signal comes before the draft is known.
      mkdirSync(folder);
      draft = new Draft(output, target, folder);
      writeFileSync(join(folder, OWNER), JSON.stringify({ ...owner, output: basename(target) }), { flag: 'wx' });
      await deleteDead(target, folder, { withReplaced: false });
      return draft;
    } catch (error) {
      await draft?.discard();
      throw outputFailed(output, error);
    }
  }

  /** Syncs what was written and gives it its name. Throws OUTPUT_EXISTS where that is taken and not to be replaced. */
  async publish({ replace, mayReplace }: PublishOptions): Promise<void> {
    try {
      await syncTree(this.path);
      const found = await stat(this.target).catch(() => undefined);
      const isFolder = (await stat(this.path)).isDirectory();
      if (replace && isFolder && found?.isDirectory()) await this.#replaceFolder(mayReplace);
      else if (replace || isFolder) await rename(this.path, this.target);
      else await linkOrRename(this.path, this.target);
    } catch (error) {
      throw isTaken(error) && !replace ? this.#taken() : this.failure(error);
    }
    await syncFolder(dirname(this.target));
    await deleteDead(this.target, this.folder, { withReplaced: true });
    await this.discard();
  }

  /** Ends without an output, or after it. */
  async discard(): Promise<void> {
    drafts.delete(this);
    clearInterval(this.#timer);
    if (this.#holdsReplaced) return;
    // What cannot be deleted now, a later run deletes.
    await rm(this.folder, { recursive: true, force: true }).catch(() => {});
  }

  /** The same within one call, for the end of the process. */
  discardNow(): void {
    if (this.#holdsReplaced) return;
    drafts.delete(this);
    clearInterval(this.#timer);
    try {
      rmSync(this.folder, { recursive: true, force: true });
    } catch {
      // A later run deletes it.
    }
  }

  /** An error of the system while the output is made, as OUTPUT_FAILED; any other error as it is. */
  failure(error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof RunError) return error;
    const { syscall, path } = error as NodeJS.ErrnoException;
    const isOurs = path === undefined || path === this.target || path.startsWith(this.folder);
    return syscall === undefined || syscall === 'read' || !isOurs ? error : outputFailed(this.name, error);
  }

  /** Nothing renames a folder over another one: the old one is moved away first, and back where that was in vain. */
  async #replaceFolder(mayReplace: PublishOptions['mayReplace']): Promise<void> {
    await mayReplace?.(this.target);
    const replaced = join(this.folder, REPLACED);
    this.#holdsReplaced = true;
    await rename(this.target, replaced).catch((error: unknown) => {
      this.#holdsReplaced = false;
      throw error;
    });
    const failure = await rename(this.path, this.target).catch((error: unknown) => error);
    if (failure !== undefined) {
      await rename(replaced, this.target).catch(() => {
        throw new RunError('OUTPUT_FAILED', `Expected to replace ${this.name} but ${reasonOf(failure)}.`, {
          exitCode: ExitCode.Unexpected,
          hint: `What was there is in ${replaced}: mv ${replaced} ${this.target}`,
          cause: failure,
        });
      });
    }
    this.#holdsReplaced = false;
    if (failure !== undefined) throw failure;
  }

  #taken(): RunError {
    return new RunError('OUTPUT_EXISTS', `Expected a new --output but ${this.name} exists.`, {
      exitCode: ExitCode.Usage,
      hint: 'Type --force to replace it, or name another one.',
    });
  }
}

export interface WholeOptions extends PublishOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives `output` what `write` writes at the path that it is given, when that is whole. Throws the signal's reason when
 * aborted, OUTPUT_FAILED where the system refuses; the output is then what it was, and no draft is left.
 */
export async function writeWhole<T>(
  output: string,
  { signal, ...options }: WholeOptions,
  write: (path: string) => Promise<T>,
): Promise<T> {
  const draft = await Draft.open(output);
  try {
    const written = await write(draft.path);
    signal?.throwIfAborted();
    await draft.publish(options);
    return written;
  } catch (error) {
    await draft.discard();
    throw draft.failure(error);
  }
}

/** Without replacing anything, in one step: only on a file system without hard links another process may come between. */
async function linkOrRename(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    await lstat(to).then(
      () => Promise.reject(Object.assign(new Error(`${to} exists`), { code: 'EEXIST' })),
      () => rename(from, to),
    );
  }
}

function isTaken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EEXIST' || code === 'ENOTEMPTY' || code === 'ENOTDIR' || code === 'EISDIR';
}

/** To disk: a file, or all files and folders of a folder, those that TensorFlow wrote among them. */
async function syncTree(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) {
    for (const name of await readdir(path)) await syncTree(join(path, name));
    await syncFolder(path);
    return;
  }
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
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
async function deleteDead(
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
    await rm(draft, { recursive: true, force: true }).catch(() => {});
  }
}

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

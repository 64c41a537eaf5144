/**
 * Outputs that are complete or absent and that nobody goes on with half-way, such as a model: a file or a folder is made
 * in a draft beside its place and gets its name when it is whole. The draft is deleted on an error and on a signal; what
 * a kill has left is deleted by the next run for the same output, once its process is known to have ended.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { link, lstat, open, readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ExitCode, RunError } from '../../errors.js';
import { outputFailed, reasonOf } from '../sink.js';
import { syncFolder } from './atomic.js';
import { deleteDead, draftFolder, REPLACED, WHOLE } from './draft-folder.js';
import { resolveOutput } from './links.js';
import { OWNER, ownerText, removeOwned, removeOwnedNow, touchRegularly } from './owned-folder.js';

/** How often a draft's owner is touched, in milliseconds. */
const TOUCH_MS = 30_000;

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
  readonly #stopTouching: () => void;
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
    this.#stopTouching = touchRegularly(join(folder, OWNER), TOUCH_MS);
    drafts.add(this);
  }

  /** Makes a draft for `output`, and room by deleting dead ones. Throws OUTPUT_FAILED where that cannot be. */
  static async open(output: string): Promise<Draft> {
    const target = await resolveOutput(output);
    const [folder, owner] = [draftFolder(target), await ownerText({ output: basename(target) })];
    let draft: Draft | undefined;
    try {
      // At once, so that no signal comes before the draft is known.
      mkdirSync(folder);
      draft = new Draft(output, target, folder);
      writeFileSync(join(folder, OWNER), owner, { flag: 'wx' });
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
    this.#stopTouching();
    if (this.#holdsReplaced) return;
    // What cannot be deleted now, a later run deletes.
    await removeOwned(this.folder).catch(() => {});
  }

  /** The same within one call, for the end of the process. */
  discardNow(): void {
    if (this.#holdsReplaced) return;
    drafts.delete(this);
    this.#stopTouching();
    try {
      removeOwnedNow(this.folder);
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

/**
 * What the end of a run does with an output, done with an empty file before the work begins: whoever learns after hours
 * that a name is too long, or that a mount cannot be replaced, has lost them.
 */

import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type RunError, usageError } from '../../errors.js';
import { outputFailed, reasonOf } from '../sink.js';
import { nearestFolder } from './exists.js';

/** What follows the output's name in the name of a trial, after eight digits: longer than all that a run appends. */
const TRIAL_SUFFIX = 'try-output.partial';

/** The sticky bit of a folder: only owners replace files in it (inode(7)). */
const STICKY = 0o1000;

/** Refused for want of room, which is no fault of the command line. */
const FAILURES: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE'];

/** Whether a file in the output's folder is a trial of this or an earlier run. */
export function isTrial(entry: string, output: string): boolean {
  const rest = entry.startsWith(`${output}.`) ? entry.slice(output.length + 1) : '';
  return rest.length === TRIAL_SUFFIX.length + 9 && rest.endsWith(`.${TRIAL_SUFFIX}`) && /^[0-9a-f]{8}\./.test(rest);
}

/**
 * Creates an empty file beside the output, renames and deletes it; of an output that is there, `found`, looks whether it
 * can be replaced. Throws USAGE with the reason, OUTPUT_FAILED for a full disk.
 */
export async function tryOutput(path: string, found: Stats | undefined): Promise<void> {
  await tryFile((digits) => `${path}.${digits}.${TRIAL_SUFFIX}`).catch((error: unknown) => {
    throw refusal(path, error);
  });
  if (found !== undefined) await checkReplaceable(path, found);
}

/** Others delete the trials that they find, and folders that they have made for one. */
const MAX_TRIES = 5;

/** Rejects with the system's own error, and leaves nothing behind as far as it can. `named` gives a path for eight digits. */
async function tryFile(named: (digits: string) => string): Promise<void> {
  const [first, second] = [0, 1].map(() => named(randomBytes(4).toString('hex'))) as [string, string];
  for (let tries = 1; ; tries += 1) {
    try {
      await (await open(first, 'wx')).close();
      await rename(first, second);
      await rm(second, { force: true });
      return;
    } catch (error) {
      for (const file of [first, second]) await rm(file, { force: true }).catch(() => {});
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === MAX_TRIES) throw error;
    }
  }
}

function refusal(path: string, error: unknown): RunError {
  const { code } = error as NodeJS.ErrnoException;
  if (FAILURES.includes(code)) return outputFailed(path, error);
  if (code === 'ENAMETOOLONG') {
    const bytes = Buffer.byteLength(basename(path));
    return usageError(
      `Expected a name for --output that leaves room for what is appended to it during the run, but the name of ${path} has ${bytes} bytes.`,
      `Use a name of at most ${MAX_NAME_BYTES - TRIAL_SUFFIX.length - 10} bytes.`,
    );
  }
  return usageError(
    `Expected to make and rename files in ${dirname(path)} for --output but ${reasonOf(error)}.`,
    'Check its permissions, or name another file.',
  );
}

/** Of most file systems (NAME_MAX). */
const MAX_NAME_BYTES = 255;

async function checkReplaceable(path: string, found: Stats): Promise<void> {
  if ((await mountPoints()).has(path)) {
    throw usageError(
      `Expected a file that can be replaced for --output but ${path} is the target of a mount, which cannot be renamed over.`,
      'Mount its folder instead of the file, or name another file.',
    );
  }
  // Permissions of the file itself do not matter, but to write into an immutable one is EPERM for everybody.
  const reason = await open(path, 'r+').then(
    (handle) => handle.close().then(() => undefined),
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (reason === 'EPERM') {
    throw usageError(
      `Expected a file that can be replaced for --output but ${path} is immutable or may only be appended to.`,
      `Type chattr -ia ${path}, or name another file.`,
    );
  }
  const folder = await stat(dirname(path));
  const user = process.geteuid?.() ?? 0;
  if ((folder.mode & STICKY) !== 0 && ![0, found.uid, folder.uid].includes(user)) {
    throw usageError(
      `Expected a file that can be replaced for --output but ${path} belongs to another user in a folder where only owners replace files.`,
      'Name another file.',
    );
  }
}

/** Where something is mounted, as /proc/self/mountinfo says (proc(5), field 5); empty on other systems. */
export async function mountPoints(): Promise<ReadonlySet<string>> {
  const text = await readFile('/proc/self/mountinfo', 'latin1').catch(() => '');
  return new Set(text.split('\n').map((line) => Buffer.from(unescaped(line.split(' ')[4] ?? ''), 'latin1').toString()));
}

/** Blanks, tabs, newlines and backslashes stand there as `\040` and so on. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/**
 * The same for the folder of a dataset, of which `file` is a file: makes it and those above it, and takes away again what
 * was not there. Throws USAGE with the reason, OUTPUT_FAILED for a full disk.
 */
export async function tryFolder(folder: string, file: string): Promise<void> {
  const refused = (error: unknown) =>
    FAILURES.includes((error as NodeJS.ErrnoException).code)
      ? outputFailed(folder, error)
      : usageError(
          `Expected to write into ${folder} but ${reasonOf(error)}.`,
          'Check its permissions, or name another folder.',
        );
  for (let tries = 1; ; tries += 1) {
    let made: string | undefined;
    let failure: unknown;
    try {
      // On a read-only file system mkdir itself says ENOENT.
      await access(await nearestFolder(folder), constants.W_OK);
      made = await mkdir(folder, { recursive: true });
      await tryFile((digits) => join(folder, `${file}.${digits}.partial`));
    } catch (error) {
      failure = error;
    }
    if (made !== undefined) await removeEmpty(folder, made);
    if (failure === undefined) return;
    if ((failure as NodeJS.ErrnoException).code !== 'ENOENT' || tries === MAX_TRIES) throw refused(failure);
  }
}

/** Deletes the folders from `folder` up to `top` as far as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let path = folder; path.length >= top.length; path = dirname(path)) {
    const removed = await rmdir(path).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

/**
 * The end of an attempt: its files are packed where the format wants it, take their names, and the journal last, because
 * by it the others are found should the process end in between.
 *
 * The attempt's files may be gone by then. Another attempt that has finished the same work deletes them, which is well; or
 * a person has, and then they are written again from what is still open, for no row may be lost without a word.
 */

import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode, RunError } from '../../errors.js';
import { exists } from '../../exists.js';
import { NPY_HEADER_BYTES } from '../arrays/npy.js';
import { publish, syncFolder } from '../files/atomic.js';
import { sameBytes } from '../files/pieces.js';
import { reasonOf } from '../sink.js';
import { readHeader } from './journal.js';
import { attemptFiles, finalsOf, journalPath, type Layout } from './layout.js';
import { allOf, type OpenSpools, restore, type Spool } from './spools.js';

export interface Attempt {
  readonly layout: Layout;
  /** Part of the names of its files. */
  readonly attempt: string;
  /** Complete and synced to disk, the journal's last line included. */
  readonly spools: OpenSpools;
  readonly textStart: number;
  readonly rows: number;
  /** Replace an output that exists. */
  readonly replace: boolean;
}

/** Files that are deleted over and over while they are published: the third time it is an error. */
const MAX_TRIES = 3;

/** A file that is still to take its name. */
interface Pending {
  readonly file: string;
  readonly final: string;
}

/**
 * Gives the output its names. Throws OUTPUT_EXISTS where another run has written something else there meanwhile, and
 * OUTPUT_FAILED with what to type where the system refuses the name; the attempt's files stay then.
 */
export async function publishAttempt(attempt: Attempt): Promise<void> {
  const { layout, spools } = attempt;
  const names = attemptFiles(layout, attempt.attempt);
  const packed = layout.packs.map(({ final }, i) => ({ file: names.packs[i] as string, final }));
  const grown = [
    ...layout.arrays.map(({ final }, i) => ({ file: names.arrays[i] as string, final })),
    { file: names.text, final: layout.textFinal },
  ];
  const finished = [...packed, ...grown].filter((each): each is Pending => each.final !== null);
  const journal = { file: names.journal, final: journalPath(layout.target) };
  const given = new Set<string>();
  const pending = () => finished.filter(({ final }) => !given.has(final));
  for (let tries = 1; ; tries += 1) {
    const unpublished = allOf(spools).filter(
      ({ path }) => !finished.some((each) => each.file === path && given.has(each.final)),
    );
    if (await areGone(unpublished)) {
      if (await isPublished(attempt)) break;
      for (const spool of unpublished) await restore(spool);
    }
    try {
      for (const [i, { file, final }] of packed.entries()) {
        if (!given.has(final) && !(await exists(file))) await pack(attempt, i, file);
      }
      for (const { file, final } of pending()) {
        await publish(file, final, attempt.replace);
        given.add(final);
      }
      // What was only there to be packed; only then the journal.
      for (const { file, final } of grown) if (final === null) await rm(file, { force: true });
      await rename(journal.file, journal.final);
      break;
    } catch (error) {
      const isRunError = error instanceof RunError;
      const isMissing = isRunError || (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (isMissing && tries < MAX_TRIES && (await areGone(unpublished))) continue;
      throw isRunError ? error : await unpublishable(error, [...pending(), journal]);
    }
  }
  for (const { file } of [...packed, ...grown, journal]) await rm(file, { force: true });
  await syncFolder(dirname(layout.target));
}

async function pack({ layout, attempt, rows, textStart }: Attempt, index: number, file: string): Promise<void> {
  const names = attemptFiles(layout, attempt);
  const arrays = layout.arrays.map(({ spec }, i) => ({
    ...spec,
    file: names.arrays[i] as string,
    dataStart: NPY_HEADER_BYTES,
    rows,
  }));
  await layout.packs[index]?.pack({ text: names.text, textStart, arrays, rows }, file);
}

async function areGone(spools: readonly Spool[]): Promise<boolean> {
  for (const { path } of spools) if (!(await exists(path))) return true;
  return false;
}

/**
 * Whether another attempt has published the same work: what its journal says of the rows and of the whole is, byte for
 * byte, what this one's says.
 */
async function isPublished({ layout, spools }: Attempt): Promise<boolean> {
  for (const final of finalsOf(layout)) if (!(await exists(final))) return false;
  const other = await open(journalPath(layout.target)).catch(() => undefined);
  if (other === undefined) return false;
  try {
    const [own, theirs] = [await readHeader(spools.journal.handle), await readHeader(other)];
    if (own === undefined || theirs === undefined) return false;
    const made = ({ header: { format, settings, shard, arrays } }: typeof own) =>
      JSON.stringify([format, settings, shard, arrays]);
    return (
      made(own) === made(theirs) &&
      (await sameBytes({ handle: spools.journal.handle, from: own.bytes }, { handle: other, from: theirs.bytes }))
    );
  } finally {
    await other.close();
  }
}

/** The rows are all there under other names: how to bring them home. */
async function unpublishable(error: unknown, pending: readonly Pending[]): Promise<unknown> {
  const [first] = pending;
  if (first === undefined || !(await exists(first.file))) return error;
  const moves = pending.map(({ file, final }) => `mv ${shellWord(file)} ${shellWord(final)}`);
  return new RunError(
    'OUTPUT_FAILED',
    `Expected to give ${first.file}, which holds all rows, the name ${first.final} but ${reasonOf(error)}.`,
    { exitCode: ExitCode.Unexpected, hint: `Once nothing is in the way, type ${moves.join(' && ')}`, cause: error },
  );
}

/** As a shell takes it for one word. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

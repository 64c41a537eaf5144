/** Rows of earlier attempts at an output, finished or not: read and checked, never written. */

import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { usageError } from '../../errors.js';
import { Scratch } from '../files/scratch.js';
import { isTrial } from '../files/trial.js';
import { differences, type Journal, type JournalHeader, readJournal, type Settings, stateOfWriter } from './journal.js';
import { attemptFiles, finalsOf, journalPath, type Layout } from './layout.js';
import { runRecordPath } from './run-record.js';
import { type EarlierRow, existing, openSource, type Source, soundRows } from './source.js';

/** What an attempt left behind, by its journal. */
interface Found {
  readonly path: string;
  readonly journal: Journal;
}

/** An unfinished attempt's files, which may be deleted once the output is complete. */
interface Leftover {
  /** Unknown where the attempt ended before it had written its journal's first line. */
  readonly writer?: JournalHeader['writer'];
  /** Whoever needs it makes it again. */
  readonly isTrial?: boolean;
  readonly files: readonly string[];
}

/** All that earlier attempts have done for one output. */
export class Earlier {
  readonly #rows = new Map<string, { readonly rows: EarlierRow[]; asked: boolean }>();
  readonly #sources: Source[] = [];
  readonly #leftovers: Leftover[] = [];
  readonly #retryFailed: boolean;
  #scratch: Scratch | undefined;
  #kept = 0;

  constructor({ retryFailed }: { readonly retryFailed: boolean }) {
    this.#retryFailed = retryFailed;
  }

  /**
   * Reads what is there for `layout`. Throws USAGE when all of it was made with other settings, or when the output
   * exists without its journal.
   */
  async add(layout: Layout, settings: Settings): Promise<void> {
    const found = await findJournals(layout);
    const made = found.filter(({ journal }) => journal.header.format === layout.format);
    const fitting = made.filter(({ journal }) => differences(journal.header.settings, settings).length === 0);
    const [other] = found;
    if (fitting.length === 0 && other !== undefined) {
      const { format, settings: before } = other.journal.header;
      const all =
        format === layout.format ? differences(before, settings) : [`format (${format}, now ${layout.format})`];
      throw usageError(
        `Expected --resume with the settings that ${layout.target} was begun with, but these differ: ${all.join(', ')}.`,
        'Use the same settings, name another file, or type --force to begin again.',
      );
    }
    if (fitting.length === 0 && (await existing(finalsOf(layout))) !== undefined) {
      throw usageError(
        `Expected ${journalPath(layout.target)} beside ${layout.target} for --resume but there is none.`,
        'Type --force to begin again, or name another file.',
      );
    }
    for (const { path, attempt } of await attemptsAt(layout)) {
      const isRead = found.some(({ path: read }) => read === path);
      if (attempt !== undefined && !isRead) this.#leftovers.push({ files: filesOf(layout, path, attempt) });
    }
    for (const leftover of await strayFiles(layout)) this.#leftovers.push(leftover);
    for (const { path, journal } of fitting) {
      this.#scratch ??= new Scratch(layout.target);
      const opened = await openSource(layout, journal, this.#scratch);
      // An attempt that died between naming the output and its journal: taken over like one that was cut off.
      const isFinal = opened?.isFinal === true && path === journalPath(layout.target);
      const source = opened === undefined ? undefined : { ...opened, isFinal };
      const { attempt, writer } = journal.header;
      if (path !== journalPath(layout.target)) this.#leftovers.push({ writer, files: filesOf(layout, path, attempt) });
      if (source === undefined) continue;
      this.#sources.push(source);
      for await (const row of soundRows(source)) this.#remember(row);
    }
  }

  #remember(row: EarlierRow): void {
    const { path, index, identity, error } = row.entry;
    let entry = this.#rows.get(path);
    if (entry === undefined) {
      entry = { rows: [], asked: false };
      this.#rows.set(path, entry);
    }
    if (error !== undefined && this.#retryFailed) return;
    const same = entry.rows.findIndex((each) => each.entry.identity === identity && each.entry.index === index);
    // Of two rows for the same image any will do, but one that worked is better.
    if (same === -1) entry.rows.push(row);
    else if (entry.rows[same]?.entry.error !== undefined && error === undefined) entry.rows[same] = row;
  }

  /** The row of an image as it is now, if there is one: best the one at its very place, for a list may repeat images. */
  take(path: string, identity: string, index?: number): EarlierRow | undefined {
    const entry = this.#rows.get(path);
    if (entry === undefined) return undefined;
    entry.asked = true;
    const fitting = entry.rows.filter((row) => row.entry.identity === identity);
    const worked = fitting.filter((row) => row.entry.error === undefined);
    const best = worked.length > 0 ? worked : fitting;
    const row = best.find((each) => each.entry.index === index) ?? best[0];
    if (row !== undefined) this.#kept += 1;
    return row;
  }

  /** Rows that have been taken. */
  get kept(): number {
    return this.#kept;
  }

  /** Shown paths of images that earlier attempts have and this run was not asked for. */
  vanished(): readonly string[] {
    return [...this.#rows].flatMap(([path, { asked }]) => (asked ? [] : [path]));
  }

  async close(): Promise<void> {
    for (const source of this.#sources) await source.close();
    await this.#scratch?.dispose();
  }

  /** Deletes what unfinished attempts left, except those that are still being written. */
  async cleanUp(): Promise<void> {
    for (const { writer, isTrial, files } of this.#leftovers) {
      const unknown = isTrial === true ? 'ended' : 'unsure';
      const state = writer === undefined ? unknown : await stateOfWriter(writer);
      if (state === 'lives' || (state !== 'ended' && !(await isIdle(files)))) continue;
      for (const file of files) await rm(file, { force: true });
    }
  }
}

/** Milliseconds without a write after which an attempt counts as dead: a live one writes every few seconds. */
const IDLE_MS = 60_000;

async function isIdle(files: readonly string[]): Promise<boolean> {
  const times = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Date.now() - Math.max(...times) > IDLE_MS;
}

/** Journals of finished and unfinished attempts, the finished output's first, then the longest. */
async function findJournals({ target }: Pick<Layout, 'target'>): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const { path } of await attemptsAt({ target })) {
    const journal = await readJournal(path);
    if (journal !== undefined) found.push({ path, journal });
  }
  const rank = ({ path, journal }: Found) =>
    path === journalPath(target) ? Number.POSITIVE_INFINITY : journal.rows.length;
  return found.sort((a, b) => rank(b) - rank(a));
}

/** The journals beside an output, those that cannot be read among them; the finished output's has no attempt. */
async function attemptsAt({ target }: Pick<Layout, 'target'>) {
  const folder = dirname(target);
  const name = basename(target);
  return (await readdir(folder).catch(() => [])).flatMap((entry) => {
    const match = entry.startsWith(`${name}.`) && /^(?:([0-9a-f]{8})\.)?journal$/.exec(entry.slice(name.length + 1));
    return match ? [{ path: join(folder, entry), attempt: match[1] }] : [];
  });
}

/** Small files that a run has left which was killed while it tried the output, or wrote its record. */
async function strayFiles(layout: Layout): Promise<readonly Leftover[]> {
  const { target } = layout;
  const folder = dirname(target);
  const names = finalsOf(layout).flatMap((final) => (dirname(final) === folder ? [basename(final)] : []));
  const record = `${basename(runRecordPath(target))}.`;
  return (await readdir(folder).catch(() => [])).flatMap((entry): Leftover[] => {
    const files = [join(folder, entry)];
    if (names.some((name) => isTrial(entry, name))) return [{ files, isTrial: true }];
    return entry.startsWith(record) && /^[0-9a-f]{8}\.partial$/.test(entry.slice(record.length)) ? [{ files }] : [];
  });
}

/** All that an unfinished attempt may have left; its journal last, by which the others are found. */
function filesOf(layout: Layout, journal: string, attempt: string): readonly string[] {
  const { text, arrays, packs } = attemptFiles(layout, attempt);
  return [text, ...arrays, ...packs, journal];
}

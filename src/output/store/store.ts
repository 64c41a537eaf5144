/**
 * An output being written: rows in order, a journal line for each, and at the end the output under its name.
 *
 * Every attempt has files of its own beside the output. At any moment they hold whole rows as far as the journal goes,
 * so a process may be killed anywhere: the next attempt takes the rows over. As long as the rows are the first ones of
 * a finished output nothing is written; if they are all of it, nothing is done.
 */

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { ExitCode, RunError, usageError } from '../../errors.js';
import { exists } from '../../exists.js';
import { blankRow } from '../arrays/blank.js';
import { npyHeader } from '../arrays/npy.js';
import type { ArraySpec } from '../arrays/spec.js';
import { permissionsOf } from '../files/atomic.js';
import { outputFailed, writingReason } from '../sink.js';
import {
  JOURNAL_VERSION,
  type JournalEnd,
  type JournalRow,
  journalLine,
  rowHash,
  type Settings,
  thisWriter,
} from './journal.js';
import { attemptFiles, finalsOf, type Layout } from './layout.js';
import { publishAttempt } from './publishing.js';
import type { EarlierRow } from './source.js';
import { allOf, append, expectUntouched, type OpenSpools, restore, type Spool, writeAt } from './spools.js';

/** One row as it is stored: computed now, or taken from an earlier attempt. */
export type StoreRow = { readonly path: string; readonly index: number } & (
  | {
      readonly identity: string;
      readonly error?: { readonly code: string; readonly message: string };
      readonly text: Buffer;
      /** The row's numbers, an array each; none for a failed image, whose row is NaN. */
      readonly arrays: readonly Uint8Array[] | null;
    }
  | { readonly kept: EarlierRow }
);

export interface StoreOptions {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly shard: { readonly index: number; readonly count: number };
  /** Text before the first row: a header. */
  readonly head: string;
  /** Replace an output that exists. */
  readonly replace: boolean;
}

/** Bytes of rows that are copied at a time. */
const COPY_BYTES = 4 << 20;

/** A row with its bytes at hand. */
interface Whole {
  readonly entry: JournalRow;
  readonly text: Buffer;
  readonly arrays: readonly Uint8Array[];
}

export class Store {
  readonly #options: StoreOptions;
  readonly #attempt = randomBytes(4).toString('hex');
  readonly #blank: readonly Buffer[];
  #spools: OpenSpools | undefined;
  #rows = 0;
  #failed = 0;
  /** All rows are written and on disk. */
  #isWhole = false;
  /** The finished output, as long as the rows are its first ones. */
  #adopted: EarlierRow[] | undefined = [];

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#blank = options.layout.arrays.map(({ spec }) => blankRow(spec));
  }

  /** Creates the attempt's files; without it they are made with the first row. Throws USAGE when they cannot be. */
  async begin(): Promise<void> {
    this.#spools ??= await this.#create();
  }

  /** Rows written so far, those of a finished output among them. */
  get rows(): number {
    return this.#rows;
  }

  async append(rows: readonly StoreRow[]): Promise<void> {
    let batch: Whole[] = [];
    let bytes = 0;
    const flush = async () => {
      if (batch.length > 0) await this.#write(batch);
      batch = [];
      bytes = 0;
    };
    for (const row of rows) {
      if ('kept' in row && this.#adopts(row.kept, row)) continue;
      await this.#leaveAdopted();
      const whole = 'kept' in row ? await this.#wholeOf(row.kept, row.index) : this.#whole(row);
      batch.push(whole);
      bytes += whole.text.length + whole.arrays.reduce((sum, array) => sum + array.length, 0);
      if (bytes >= COPY_BYTES) await flush();
    }
    await flush();
  }

  /**
   * Completes the output and gives it its name. `list` is the digest of the whole input. Resolves to false when the output
   * was there already with these very rows.
   */
  async finish(list: string): Promise<boolean> {
    const { layout, replace } = this.#options;
    if (this.#isFinished(list)) return false;
    await this.#leaveAdopted();
    const spools = await this.#open();
    try {
      const end: JournalEnd = { rows: this.#rows, failed: this.#failed, list };
      await append(spools.journal, Buffer.from(journalLine({ end })));
      await expectUntouched(spools);
      for (const { handle } of allOf(spools)) await handle.sync();
      this.#isWhole = true;
      const textStart = Buffer.byteLength(this.#options.head);
      await publishAttempt({ layout, attempt: this.#attempt, spools, textStart, rows: this.#rows, replace });
      return true;
    } catch (error) {
      throw error instanceof RunError ? error : outputFailed(layout.target, error);
    } finally {
      if (this.#isWhole) for (const { handle } of allOf(spools)) await handle.close();
    }
  }

  /**
   * Ends without completing; resolves to the file with the rows so far where they are kept. An output that has all its
   * rows but could not take its name is always kept.
   */
  async abandon({ keep }: { readonly keep: boolean }): Promise<string | undefined> {
    const { layout } = this.#options;
    // What was taken over from a finished output is there anyway.
    if (this.#spools === undefined) return undefined;
    const spools = allOf(this.#spools);
    const keeps = this.#isWhole || (keep && this.#rows > 0);
    const names = attemptFiles(layout, this.#attempt);
    for (const spool of spools) {
      await spool.handle.sync().catch(() => {});
      // A file that has taken its name is not missing.
      if (keeps && !this.#isWhole) await restore(spool).catch(() => {});
      await spool.handle.close().catch(() => {});
    }
    if (keeps) {
      for (const file of [...names.arrays, names.text, ...finalsOf(layout)]) if (await exists(file)) return file;
    }
    for (const { path } of spools) await rm(path, { force: true });
    for (const path of names.packs) await rm(path, { force: true });
    return undefined;
  }

  /** Whether the row is the next one of a finished output, as it stands there. */
  #adopts(kept: EarlierRow, { index }: { readonly index: number }): boolean {
    if (this.#adopted === undefined || this.#spools !== undefined) return false;
    const first = this.#adopted[0];
    const next =
      kept.source.isFinal &&
      kept.source.head === this.#options.head &&
      (first === undefined || first.source === kept.source) &&
      kept.place === this.#rows &&
      kept.entry.index === index;
    if (!next) return false;
    this.#adopted.push(kept);
    this.#rows += 1;
    if (kept.entry.error !== undefined) this.#failed += 1;
    return true;
  }

  /** Whether the rows so far are all of a finished output, made of the same list. */
  #isFinished(list: string): boolean {
    const source = this.#adopted?.[0]?.source;
    return this.#spools === undefined && source?.journal.end?.rows === this.#rows && source.journal.end.list === list;
  }

  /** From here on rows differ from the finished output's: copies those that did not. */
  async #leaveAdopted(): Promise<void> {
    const adopted = this.#adopted;
    if (adopted === undefined) return;
    this.#adopted = undefined;
    this.#rows = 0;
    this.#failed = 0;
    await this.append(adopted.map((kept) => ({ path: kept.entry.path, index: kept.entry.index, kept })));
  }

  #whole(row: Exclude<StoreRow, { kept: EarlierRow }>): Whole {
    const { path, index, identity, error, text } = row;
    const arrays = row.arrays ?? this.#blank;
    const said = {
      path,
      index,
      identity,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
    return { entry: { ...said, bytes: text.length, hash: rowHash(said, [text, ...arrays]) }, text, arrays };
  }

  async #wholeOf(kept: EarlierRow, index: number): Promise<Whole> {
    const { reindex } = this.#options.layout;
    const found = await kept.source.read(kept);
    if (found === undefined || rowHash(kept.entry, [found.text, ...found.arrays]) !== kept.entry.hash) {
      throw new RunError(
        'OUTPUT_FAILED',
        `Expected the row of ${kept.entry.path} from an earlier run but it is gone.`,
        {
          exitCode: ExitCode.Unexpected,
          hint: 'Type the same command again: the row will be computed.',
        },
      );
    }
    const arrays = found.arrays.map((array) => Buffer.from(array));
    if (index === kept.entry.index) return { entry: kept.entry, text: Buffer.from(found.text), arrays };
    const text = reindex?.(found.text, kept.entry.path, kept.entry.index, index) ?? Buffer.from(found.text);
    const said = { ...kept.entry, index };
    return { entry: { ...said, bytes: text.length, hash: rowHash(said, [text, ...arrays]) }, text, arrays };
  }

  async #write(rows: readonly Whole[]): Promise<void> {
    const { layout } = this.#options;
    const spools = await this.#open();
    await expectUntouched(spools);
    const before = allOf(spools).map((spool) => [spool, spool.bytes] as const);
    try {
      await append(spools.text, Buffer.concat(rows.map(({ text }) => text)));
      for (const [i, spool] of spools.arrays.entries()) {
        await append(spool, Buffer.concat(rows.map(({ arrays }) => arrays[i] as Uint8Array)));
        const { spec } = layout.arrays[i] as { readonly spec: ArraySpec };
        await writeAt(spool.handle, npyHeader(spec, this.#rows + rows.length), 0);
      }
      await append(spools.journal, Buffer.from(rows.map(({ entry }) => journalLine(entry)).join('')));
    } catch (error) {
      // A full disk takes half a row: what stays is whole rows.
      for (const [spool, bytes] of before) {
        await spool.handle.truncate(bytes).catch(() => {});
        spool.bytes = bytes;
      }
      for (const [i, { spec }] of layout.arrays.entries()) {
        await writeAt(spools.arrays[i]?.handle as FileHandle, npyHeader(spec, this.#rows), 0).catch(() => {});
      }
      throw outputFailed(layout.target, error);
    }
    this.#rows += rows.length;
    this.#failed += rows.filter(({ entry }) => entry.error !== undefined).length;
  }

  async #open(): Promise<OpenSpools> {
    this.#spools ??= await this.#create();
    return this.#spools;
  }

  async #create(): Promise<OpenSpools> {
    const { layout, settings, shard, head } = this.#options;
    const names = attemptFiles(layout, this.#attempt);
    const opened: Spool[] = [];
    const mode = await permissionsOf(layout.target);
    const create = async (path: string): Promise<Spool> => {
      try {
        const spool = { path, handle: await open(path, 'wx+', mode), bytes: 0 };
        opened.push(spool);
        return spool;
      } catch (error) {
        throw usageError(`Expected to create ${path} but ${writingReason(error)}.`);
      }
    };
    const textStart = Buffer.byteLength(head);
    const writer = await thisWriter();
    const header = {
      v: JOURNAL_VERSION,
      attempt: this.#attempt,
      format: layout.format,
      settings,
      shard,
      arrays: layout.arrays.map(({ spec }) => spec),
      textStart,
      writer,
    };
    try {
      // The journal first: by it whoever comes later finds the other files.
      const journal = await create(names.journal);
      await append(journal, Buffer.from(journalLine(header)));
      const spools: OpenSpools = {
        journal,
        text: await create(names.text),
        arrays: await inTurn(names.arrays, create),
      };
      await append(spools.text, Buffer.from(head));
      for (const [i, spool] of spools.arrays.entries()) {
        const { spec } = layout.arrays[i] as { readonly spec: ArraySpec };
        await append(spool, npyHeader(spec, 0));
      }
      return spools;
    } catch (error) {
      for (const { handle, path } of opened.reverse()) {
        await handle.close().catch(() => {});
        await rm(path, { force: true });
      }
      throw error instanceof RunError ? error : outputFailed(layout.target, error);
    }
  }
}

async function inTurn<T, R>(items: readonly T[], fn: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await fn(item));
  return results;
}

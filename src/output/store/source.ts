/** The rows of one attempt, finished or not: read and checked, never written. */

import { stat } from 'node:fs/promises';
import { RunError } from '../../errors.js';
import { isFile } from '../../exists.js';
import { NPY_HEADER_BYTES, readNpy } from '../arrays/npy.js';
import { isSameSpec, rowBytes, type StoredRows } from '../arrays/spec.js';
import type { Scratch } from '../files/scratch.js';
import { outputFailed } from '../sink.js';
import { type Journal, type JournalRow, rowHash } from './journal.js';
import { attemptFiles, type Layout, type Unpacked } from './layout.js';
import { RangeReader } from './range-reader.js';

/** One attempt's files, open for reading. */
export interface Source {
  readonly journal: Journal;
  /** The finished output itself, not an attempt that was cut off. */
  readonly isFinal: boolean;
  /** Text before the first row. */
  readonly head: string;
  /** Text of the row whose text starts at `offset`; then its numbers, an array each. Valid until the next call. */
  read(row: EarlierRow): Promise<{ readonly text: Buffer; readonly arrays: readonly Buffer[] } | undefined>;
  close(): Promise<void>;
}

/** A row that need not be computed again. */
export interface EarlierRow {
  readonly source: Source;
  /** Its place among the source's rows, from 0. */
  readonly place: number;
  readonly textOffset: number;
  readonly entry: JournalRow;
}

/**
 * Opens the files that a journal speaks of; `undefined` when they are gone or damaged. A packed output is unpacked into
 * `scratch`: throws OUTPUT_FAILED where there is no room for it.
 */
export async function openSource(
  layout: Layout,
  journal: Journal,
  scratch: Scratch,
  signal?: AbortSignal,
): Promise<Source | undefined> {
  const names = attemptFiles(layout, journal.header.attempt);
  const isPartial = await isFile(names.text);
  const unpacked = isPartial ? undefined : await unpackedOf(layout, scratch, signal);
  const { textStart } = journal.header;
  const rows = journal.rows.length;
  const places = layout.arrays.map(({ spec, final }, i): Promise<StoredRows | undefined> => {
    const partial = names.arrays[i] as string;
    return existing([partial, ...(final === null ? [] : [final])]).then((file) =>
      file === undefined ? unpacked?.arrays[i] : { ...spec, file, dataStart: NPY_HEADER_BYTES, rows },
    );
  });
  const arrays = await Promise.all(places);
  const text = await existing([names.text, ...(layout.textFinal === null ? [] : [layout.textFinal])]);
  const readers: RangeReader[] = [];
  const close = async () => {
    for (const reader of readers) await reader.close();
    await unpacked?.dispose();
  };
  try {
    const textFile = unpacked?.text ?? text ?? names.text;
    const textReader = await RangeReader.open(textFile);
    readers.push(textReader);
    const head = (await textReader.read(0, textStart))?.toString() ?? '';
    const columns: { readonly reader: RangeReader; readonly dataStart: number; readonly size: number }[] = [];
    for (const stored of arrays) {
      if (stored === undefined) throw new Error('an array is missing');
      const reader = await RangeReader.open(stored.file);
      readers.push(reader);
      columns.push({ reader, dataStart: stored.dataStart, size: rowBytes(stored) });
    }
    return {
      journal,
      isFinal:
        !isPartial && journal.end !== undefined && (await isWhole(journal, textFile, unpacked === undefined, arrays)),
      head,
      async read({ place, textOffset, entry }) {
        const text = await textReader.read(textStart + textOffset, entry.bytes);
        if (text === undefined) return undefined;
        const numbers: Buffer[] = [];
        for (const { reader, dataStart, size } of columns) {
          const row = await reader.read(dataStart + place * size, size);
          if (row === undefined) return undefined;
          numbers.push(row);
        }
        return { text, arrays: numbers };
      },
      close,
    };
  } catch {
    await close();
    return undefined;
  }
}

/** `undefined` where nothing is packed, and where it is gone or damaged, whose rows are computed again. */
async function unpackedOf(
  { target, unpack }: Layout,
  scratch: Scratch,
  signal: AbortSignal | undefined,
): Promise<Unpacked | undefined> {
  try {
    return await unpack?.(scratch, signal);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    if (error instanceof RunError) {
      if (error.code === 'RUNTIME_MISSING' || isRefusal(error.cause)) throw error;
      return undefined;
    }
    if (isRefusal(error)) throw outputFailed(`what ${target} holds`, error);
    return undefined;
  }
}

/** The system has no room for what is unpacked, which says nothing about the output itself. */
function isRefusal(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code !== undefined && ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EACCES', 'EPERM', 'EMFILE'].includes(code);
}

/** Whether the files hold what the journal says and nothing else; the rows themselves are told by their hashes. */
async function isWhole(
  { header, rows }: Journal,
  text: string,
  isNpy: boolean,
  arrays: readonly (StoredRows | undefined)[],
): Promise<boolean> {
  const expected = rows.reduce((sum, { bytes }) => sum + bytes, header.textStart);
  if ((await stat(text)).size !== expected) return false;
  for (const stored of arrays) {
    if (stored === undefined || stored.rows !== rows.length) return false;
    if (!isNpy) continue;
    const found = await readNpy(stored.file, stored.name).catch(() => undefined);
    if (found === undefined || found.rows !== rows.length || !isSameSpec(found, stored)) return false;
  }
  return true;
}

/** The rows of a source whose bytes are what the journal says. */
export async function* soundRows(source: Source): AsyncGenerator<EarlierRow> {
  let textOffset = 0;
  for (const [place, entry] of source.journal.rows.entries()) {
    const row: EarlierRow = { source, place, textOffset, entry };
    textOffset += entry.bytes;
    const found = await source.read(row);
    if (found === undefined) return; // cut off: what follows is gone too
    if (rowHash(entry, [found.text, ...found.arrays]) === entry.hash) yield row;
  }
}

/** The first of these files that is there. */
export async function existing(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await isFile(file)) return file;
  return undefined;
}

/**
 * The journal beside an output: which row is which image, so that a run can be continued, mended and merged.
 *
 * JSON lines. The first says what the rows were made with; then one a row, appended after the row itself is written;
 * the last says that the output is complete. A row's line holds the size and time of its image and a hash of the line and
 * the row's bytes: a row counts only when both still fit, so a torn write, a lost page or a mixed-up file costs a row,
 * never a wrong one.
 */

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { type ProcessIdentity, stateOf, thisProcess } from '../../process.js';
import { type ArraySpec, isArraySpec } from '../arrays/spec.js';
import { openRegularFile, readAt } from '../files/read.js';

/** Raised when a journal of before can no longer be continued. */
export const JOURNAL_VERSION = 1;

/** Hex digits of a row's sha256 that are kept: 64 bits find any damage. */
const HASH_DIGITS = 16;

/** A line longer than this is no journal's, in characters: paths end at 4,096 bytes, errors are sentences. */
const MAX_LINE = 1 << 20;

/** The first line is settings and names of layers, a few kilobytes. */
const MAX_HEADER_BYTES = 1 << 20;

/** What rows were made with: name → value. Rows of runs that differ in one of them do not mix. */
export type Settings = Readonly<Record<string, unknown>>;

export interface JournalHeader {
  readonly v: number;
  /** Of the attempt that wrote it: part of the names of its unfinished files. */
  readonly attempt: string;
  readonly format: string;
  readonly settings: Settings;
  /** Which share of the inputs these rows are. */
  readonly shard: { readonly index: number; readonly count: number };
  /** Arrays beside the text, in order. */
  readonly arrays: readonly ArraySpec[];
  /** Bytes of text before the first row's. */
  readonly textStart: number;
  /** Who wrote it, to tell an attempt that goes on from one that is dead. */
  readonly writer: Writer;
}

/** The process that writes an attempt. Journals of earlier versions say `host` and `pid` alone. */
export interface Writer extends Partial<ProcessIdentity> {
  readonly host: string;
  readonly pid: number;
}

export async function thisWriter(): Promise<Writer> {
  return { host: hostname(), ...(await thisProcess()) };
}

/** What is known of the process that wrote an attempt, see process.ts. */
export async function stateOfWriter({ host, pid, machine, began }: Writer): ReturnType<typeof stateOf> {
  if (machine !== undefined) return stateOf({ pid, machine, began: began ?? null });
  return host === hostname() ? stateOf({ ...(await thisProcess()), pid, began: null }) : 'elsewhere';
}

export interface JournalRow {
  /** As shown in the output. */
  readonly path: string;
  /** Position in the whole input, from 0. */
  readonly index: number;
  /** Size and time of the image when it was read, see images/list/identity.ts. */
  readonly identity: string;
  /** Present for an image that failed. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Length of the row's text in bytes. */
  readonly bytes: number;
  /** sha256 of what this line says besides and of the row's text and numbers, shortened. */
  readonly hash: string;
}

export interface JournalEnd {
  readonly rows: number;
  readonly failed: number;
  /** sha256 over the shown paths of the whole input, before sharding. */
  readonly list: string;
}

export interface Journal {
  readonly header: JournalHeader;
  readonly rows: readonly JournalRow[];
  /** Present when the output was complete. */
  readonly end: JournalEnd | undefined;
}

export function rowHash(
  { path, index, identity, error }: Omit<JournalRow, 'bytes' | 'hash'>,
  parts: readonly Uint8Array[],
): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([path, index, identity, error?.code, error?.message]));
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, HASH_DIGITS);
}

/** One line of a journal. */
export function journalLine(entry: JournalHeader | JournalRow | { readonly end: JournalEnd }): string {
  // Node's line reader also ends lines at U+2028 and U+2029.
  const text = JSON.stringify(entry).replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`);
  return `${text}\n`;
}

/** The first line of a journal and its length in bytes; `undefined` where there is none of this version. */
export async function readHeader(
  handle: FileHandle,
): Promise<{ readonly header: JournalHeader; readonly bytes: number } | undefined> {
  const start = Buffer.alloc(MAX_HEADER_BYTES);
  const filled = await readAt(handle, start, 0);
  const end = start.subarray(0, filled).indexOf('\n');
  const entry = end < 0 ? undefined : parseLine(start.toString('utf8', 0, end));
  return entry !== undefined && isHeader(entry) ? { header: entry, bytes: end + 1 } : undefined;
}

/** Reads what is whole; `undefined` where there is no journal of this version. A torn last line is left out. */
export async function readJournal(path: string): Promise<Journal | undefined> {
  const handle = await openRegularFile(path).catch(() => undefined);
  if (handle === undefined) return undefined;
  let header: JournalHeader | undefined;
  const rows: JournalRow[] = [];
  let end: JournalEnd | undefined;
  try {
    for await (const line of createInterface({ input: handle.createReadStream(), crlfDelay: 0 })) {
      const entry = line.length > MAX_LINE ? undefined : parseLine(line);
      if (entry === undefined) break;
      if (header === undefined) {
        if (!isHeader(entry)) break;
        header = entry;
      } else if (isRow(entry)) {
        rows.push(entry);
      } else {
        end = (entry as { readonly end?: JournalEnd }).end;
        break;
      }
    }
  } catch {
    // A journal that cannot be read to its end counts as far as it goes.
  } finally {
    await handle.close().catch(() => {});
  }
  return header === undefined ? undefined : { header, rows, end: end?.rows === rows.length ? end : undefined };
}

function parseLine(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHeader(entry: object): entry is JournalHeader {
  const { v, attempt, format, settings, shard, arrays, textStart, writer } = entry as Partial<JournalHeader>;
  return (
    v === JOURNAL_VERSION &&
    typeof attempt === 'string' &&
    /^[0-9a-f]{8}$/.test(attempt) &&
    typeof format === 'string' &&
    typeof settings === 'object' &&
    settings !== null &&
    Number.isSafeInteger(shard?.index) &&
    Number.isSafeInteger(shard?.count) &&
    Array.isArray(arrays) &&
    arrays.every(isArraySpec) &&
    Number.isSafeInteger(textStart) &&
    typeof writer?.host === 'string' &&
    Number.isSafeInteger(writer.pid) &&
    ['string', 'undefined'].includes(typeof writer.machine) &&
    (writer.began === null || ['string', 'undefined'].includes(typeof writer.began))
  );
}

function isRow(entry: object): entry is JournalRow {
  const { path, index, identity, bytes, hash, error } = entry as Partial<JournalRow>;
  return (
    typeof path === 'string' &&
    Number.isSafeInteger(index) &&
    typeof identity === 'string' &&
    Number.isSafeInteger(bytes) &&
    (bytes as number) >= 0 &&
    typeof hash === 'string' &&
    (error === undefined || (typeof error.code === 'string' && typeof error.message === 'string'))
  );
}

/** The names of the settings that differ, as `precision (f32, now bf16)`. */
export function differences(before: Settings, now: Settings): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]))
    .map((name) => `${name} (${shown(before[name])}, now ${shown(now[name])})`);
}

/** Longest value that is shown whole, in characters: a hash is told by its beginning. */
const MAX_SHOWN = 24;

function shown(value: unknown): string {
  const text = value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

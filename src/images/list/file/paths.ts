/** Paths listed in a file or on standard input: `--files-from`. */

import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { usageError } from '../../../errors.js';
import { chunksOf } from '../../files/read.js';
import { listBytes } from './encoding.js';
import { checkFirstLine, checkFirstOfNulls, EncodingCheck } from './kind.js';

/** No file system has longer paths (Linux: 4,096 bytes); more than this without a separator is not a list of paths. */
const MAX_ENTRY_BYTES = 65_536;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export interface PathListOptions {
  /** Entries end with a NUL and are taken as they are (`find -print0`). */
  readonly nullSeparated: boolean;
}

/**
 * One entry per line, as soon as its line is complete; blank lines and a byte order mark are skipped and CRLF is
 * taken as LF. UTF-16 becomes UTF-8; what is neither has to name files.
 *
 * @throws RunError USAGE for what is no list, or is in an encoding that names no files.
 */
export async function* readPathList(
  source: AsyncIterable<Uint8Array>,
  { nullSeparated }: PathListOptions,
): AsyncGenerator<Buffer> {
  const encoding = new EncodingCheck();
  let isFirst = true;
  for await (const piece of pieces(listBytes(source, { nullSeparated }), nullSeparated)) {
    const entries = piece.filter((entry) => entry.length > 0);
    const [first] = entries;
    if (isFirst && first !== undefined) {
      await (nullSeparated ? checkFirstOfNulls : checkFirstLine)(first);
      isFirst = false;
    }
    if (!nullSeparated) await encoding.check(entries.filter((entry) => !isUtf8(entry)));
    yield* entries;
  }
}

/** The entries that are complete with each chunk. */
async function* pieces(chunks: AsyncIterable<Buffer>, nullSeparated: boolean): AsyncGenerator<Buffer[]> {
  const separator = nullSeparated ? 0 : NEWLINE;
  let rest: Buffer = Buffer.alloc(0);
  let isFirst = true;

  const clean = (entry: Buffer): Buffer => {
    let start = 0;
    if (isFirst && entry.subarray(0, UTF8_BOM.length).equals(UTF8_BOM)) start = UTF8_BOM.length;
    isFirst = false;
    const end = !nullSeparated && entry.at(-1) === CARRIAGE_RETURN ? entry.length - 1 : entry.length;
    return entry.subarray(start, Math.max(start, end));
  };

  for await (const chunk of chunks) {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const entries: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = data.indexOf(separator, start);
      if (end === -1) break;
      entries.push(clean(data.subarray(start, end)));
      start = end + 1;
    }
    rest = data.subarray(start);
    if (entries.length > 0) yield entries;
    if (rest.length > MAX_ENTRY_BYTES) throw notAList(rest.length, nullSeparated);
  }
  yield [clean(rest)];
}

/** What is looked at of a list in a file before a run, in bytes: more takes longer than it saves. */
const MAX_CHECKED_BYTES = 256 * 1024 ** 2;

/** Goes through the start of a list in a regular file, to throw before a run what `readPathList` would throw in it. */
export async function checkPathList(handle: FileHandle, options: PathListOptions): Promise<void> {
  const isPlain = options.nullSeparated || (await isUtf8List(startOf(handle)));
  for await (const _ of readPathList(startOf(handle), options)) {
    if (isPlain) return; // and the first line is no other thing
  }
}

async function* startOf(handle: FileHandle): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunksOf(handle)) {
    yield chunk;
    bytes += chunk.length;
    if (bytes >= MAX_CHECKED_BYTES) return;
  }
}

async function isUtf8List(source: AsyncIterable<Uint8Array>): Promise<boolean> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of source) decoder.decode(chunk, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function notAList(length: number, nullSeparated: boolean): Error {
  const expected = nullSeparated ? 'paths separated by NUL' : 'one path per line';
  return usageError(
    `Expected --files-from to hold ${expected} but received ${length} bytes without a separator.`,
    nullSeparated
      ? 'Leave out --null for a list with one path per line.'
      : 'Add --null for the output of find -print0.',
  );
}

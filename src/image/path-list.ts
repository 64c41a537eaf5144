/** Paths listed in a file or on standard input: `--files-from`. */

import { usageError } from '../errors.js';

/** No file system has longer paths (Linux: 4,096 bytes); more than this without a separator is not a list of paths. */
const MAX_ENTRY_BYTES = 65_536;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * One entry per line, as soon as its line is complete; blank lines and a byte order mark are skipped and CRLF is
 * taken as LF. With `nullSeparated` entries end with a NUL and are taken as they are (`find -print0`).
 */
export async function* readPathList(
  source: AsyncIterable<Uint8Array>,
  { nullSeparated }: { readonly nullSeparated: boolean },
): AsyncGenerator<Buffer> {
  const separator = nullSeparated ? 0 : NEWLINE;
  let rest = Buffer.alloc(0);
  let first = true;

  const clean = (entry: Buffer): Buffer => {
    let start = 0;
    if (first && entry.subarray(0, UTF8_BOM.length).equals(UTF8_BOM)) start = UTF8_BOM.length;
    first = false;
    const end = !nullSeparated && entry.at(-1) === CARRIAGE_RETURN ? entry.length - 1 : entry.length;
    return entry.subarray(start, Math.max(start, end));
  };

  for await (const chunk of source) {
    const data = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (;;) {
      const end = data.indexOf(separator, start);
      if (end === -1) break;
      const entry = clean(data.subarray(start, end));
      start = end + 1;
      if (entry.length > 0) yield entry;
    }
    rest = data.subarray(start);
    if (rest.length > MAX_ENTRY_BYTES) throw notAList(rest.length, nullSeparated);
  }
  const last = clean(rest);
  if (last.length > 0) yield last;
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

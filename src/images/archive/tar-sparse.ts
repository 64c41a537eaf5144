/**
 * Sparse files in a tar archive, of which only the parts that are not holes are stored: GNU's old format, and the three
 * that GNU tar and bsdtar write as pax records (GNU tar's manual, "Storing Sparse Files").
 */

import { ImageError } from '../../errors.js';
import { BLOCK_BYTES, numberAt, type PaxRecord } from './tar-header.js';

/** Where a stored part belongs in the file, and its length, both in bytes. */
export interface SparsePart {
  readonly offset: number;
  readonly length: number;
}

export interface SparseFile {
  /** Bytes of the whole file, holes included. */
  readonly size: number;
  /** The stored parts in order; `stored` where they are listed before the contents, as version 1.0 has it. */
  readonly parts: readonly SparsePart[] | 'stored';
}

/** An offset and a length, of 12 bytes each. */
const PART_BYTES = 24;
/** Parts in a header, and in each block that continues it. */
const HEADER_PARTS = { at: 386, count: 4, continuesAt: 482 };
const BLOCK_PARTS = { at: 0, count: 21, continuesAt: 504 };
const REAL_SIZE_AT = 483;

/** A map that is longer than this (1.4 million parts) is none. */
const MAX_MAP_BLOCKS = 65_536;

/**
 * The map of GNU's old format: in the header, and in blocks that follow it and are not counted in its size, which `next`
 * gives one by one. `undefined` where it makes no sense.
 */
export async function gnuSparse(header: Buffer, next: () => Promise<Buffer>): Promise<SparseFile | undefined> {
  const size = numberAt(header, REAL_SIZE_AT, 12);
  const parts: SparsePart[] = [];
  let block = header;
  let fields = HEADER_PARTS;
  for (let blocks = 0; blocks <= MAX_MAP_BLOCKS; blocks += 1) {
    for (let i = 0; i < fields.count; i += 1) {
      const at = fields.at + i * PART_BYTES;
      if (block[at] === 0) break; // unused from here on
      const offset = numberAt(block, at, 12);
      const length = numberAt(block, at + 12, 12);
      if (offset === undefined || length === undefined) return undefined;
      parts.push({ offset, length });
    }
    if ((block[fields.continuesAt] ?? 0) === 0) return size === undefined ? undefined : { size, parts };
    block = await next();
    if (block.length < BLOCK_BYTES) return undefined;
    fields = BLOCK_PARTS;
  }
  return undefined;
}

/** What pax records say of a sparse file: its map, and its own name where the header's is a stand-in. */
export interface PaxSparse {
  readonly file: SparseFile | undefined;
  readonly name: string | undefined;
}

/** `undefined` for a file that is not sparse; without a `file` where the records make no sense. */
export function paxSparse(records: readonly PaxRecord[]): PaxSparse | undefined {
  const last = (key: string) => records.findLast(([name]) => name === `GNU.sparse.${key}`)?.[1];
  const size = wholeNumber(last('realsize') ?? last('size'));
  const name = last('name');
  const map = last('map');
  if (last('major') === '1' && last('minor') === '0') {
    return { name, file: size === undefined ? undefined : { size, parts: 'stored' } };
  }
  const isSparse = records.some(([key]) => key.startsWith('GNU.sparse.'));
  if (!isSparse) return undefined;
  const numbers =
    map === undefined
      ? records.filter(([key]) => /^GNU\.sparse\.(offset|numbytes)$/.test(key)).map(([, value]) => value)
      : map.split(',');
  const parts = pairs(numbers.filter((number) => number !== ''));
  return { name, file: size === undefined || parts === undefined ? undefined : { size, parts } };
}

/** The whole file from what is stored of it, or why there is none. */
export function expandSparse({ size, parts }: SparseFile, stored: Buffer): Buffer | ImageError {
  const listed = parts === 'stored' ? storedParts(stored) : { parts, start: 0 };
  if (listed === undefined) return damagedMap();
  const bytes = Buffer.alloc(size);
  let from = listed.start;
  let end = 0;
  for (const { offset, length } of listed.parts) {
    if (offset < end || offset + length > size || from + length > stored.length) return damagedMap();
    stored.copy(bytes, offset, from, from + length);
    from += length;
    end = offset + length;
  }
  return from === stored.length ? bytes : damagedMap();
}

/** Version 1.0: the number of parts, then offset and length of each, in decimal, one a line, filled up to whole blocks. */
function storedParts(stored: Buffer): { readonly parts: readonly SparsePart[]; readonly start: number } | undefined {
  let at = 0;
  const line = () => {
    const end = stored.indexOf(0x0a, at);
    const text = end === -1 ? '' : stored.toString('latin1', at, end);
    at = end + 1;
    return text;
  };
  const count = wholeNumber(line());
  if (count === undefined || count * 2 > stored.length) return undefined;
  const parts = pairs(Array.from({ length: count * 2 }, line));
  return parts === undefined ? undefined : { parts, start: Math.ceil(at / BLOCK_BYTES) * BLOCK_BYTES };
}

function pairs(numbers: readonly string[]): readonly SparsePart[] | undefined {
  const parts: SparsePart[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = wholeNumber(numbers[i]);
    const length = wholeNumber(numbers[i + 1]);
    if (offset === undefined || length === undefined) return undefined;
    parts.push({ offset, length });
  }
  return parts;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function damagedMap(): ImageError {
  return new ImageError(
    'DECODE_FAILED',
    'Expected the map of a sparse file in the tar archive but received one that does not fit what is stored.',
  );
}

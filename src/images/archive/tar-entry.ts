/** One member of a tar archive with all that its headers say: its own, GNU's for long names, and those of pax. */

import type { ByteReader } from './byte-reader.js';
import { damagedArchive } from './member.js';
import {
  BLOCK_BYTES,
  isZeroBlock,
  type PaxRecord,
  parseHeader,
  parsePax,
  type TarHeader,
  untilNul,
} from './tar-header.js';
import { gnuSparse, type PaxSparse, paxSparse, type SparseFile } from './tar-sparse.js';

/** A long name or a pax header of more than this is none, in bytes. */
const MAX_EXTENDED_BYTES = 4 * 1024 * 1024;

export interface TarEntry {
  /** Where its first header begins, in bytes from the start of the archive. */
  readonly start: number;
  /** A byte string (see byte-strings.ts). */
  readonly name: string;
  /** As in the header; a hard link that has contents of its own is a file (`0`). */
  readonly type: string;
  /** The name that a link leads to. */
  readonly link: string;
  /** Bytes of the file, holes included. */
  readonly size: number;
  /** Where what is stored of it begins, and how many bytes that is. */
  readonly data: number;
  readonly stored: number;
  /** Of a sparse file its map; `unknown` where the map is of a kind that is not read, or makes no sense. */
  readonly sparse?: SparseFile | 'unknown';
  /** It is the rest of a file whose beginning is in another volume. */
  readonly isContinued: boolean;
}

/**
 * Reads the headers at the reader's place; the reader then stands at the contents. `globals` are the pax records that
 * hold for all members, to which it adds. `undefined` for a block of zeros and where the archive ends.
 *
 * @throws ImageError DECODE_FAILED for headers that are damaged or cut off.
 */
export async function readEntry(reader: ByteReader, globals: PaxRecord[]): Promise<TarEntry | undefined> {
  const start = reader.position;
  const own: PaxRecord[] = [];
  let longName: string | undefined;
  let longLink: string | undefined;
  let volume: readonly PaxRecord[] = [];
  for (;;) {
    const block = await reader.take(BLOCK_BYTES);
    const isFirst = reader.position - block.length === start;
    if (isFirst && (block.length === 0 || isZeroBlock(block))) return undefined;
    const header = parseHeader(block);
    if (header === undefined) throw damagedArchive('tar');
    switch (header.type) {
      case 'x': // pax
      case 'X': // the same in archives of Solaris
        own.push(...records(await extended(reader, header)));
        break;
      case 'g':
        volume = records(await extended(reader, header));
        globals.push(...volume);
        break;
      case 'L':
        longName = untilNul((await extended(reader, header)).toString('latin1'));
        break;
      case 'K':
        longLink = untilNul((await extended(reader, header)).toString('latin1'));
        break;
      default:
        return entryOf(reader, { start, block, header, longName, longLink, volume, pax: [...globals, ...own] });
    }
  }
}

async function extended(reader: ByteReader, { size }: TarHeader): Promise<Buffer> {
  if (size > MAX_EXTENDED_BYTES) throw damagedArchive('tar');
  const bytes = await reader.take(size);
  const isWhole = await reader.moveTo(wholeBlocks(reader.position - bytes.length + size));
  if (bytes.length < size || !isWhole) throw damagedArchive('tar');
  return bytes;
}

function records(bytes: Buffer): readonly PaxRecord[] {
  const parsed = parsePax(bytes);
  if (parsed === undefined) throw damagedArchive('tar');
  return parsed;
}

interface Parts {
  readonly start: number;
  readonly block: Buffer;
  readonly header: TarHeader;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
  /** The records for all members that precede this one. */
  readonly volume: readonly PaxRecord[];
  readonly pax: readonly PaxRecord[];
}

async function entryOf(reader: ByteReader, parts: Parts): Promise<TarEntry> {
  const { start, block, header, pax } = parts;
  // A record without a value takes back the one before it.
  const last = (key: string) => pax.findLast(([name]) => name === key)?.[1] || undefined;
  const name = last('path') ?? parts.longName ?? header.name;
  const stated = last('size');
  if (stated !== undefined && !/^\d{1,15}$/.test(stated)) throw damagedArchive('tar');
  const declared = stated === undefined ? header.size : Number(stated);
  const { sparse, sparseName } = await sparseOf(reader, block, header, pax);
  // The file that goes on here, where GNU tar begins another volume (its xheader.c).
  const continued = parts.volume.findLast(([key]) => key === 'GNU.volume.filename')?.[1];
  const isEmpty = isWithoutContents(header.type) && (declared === 0 || (await isHeaderNext(reader)));
  const stored = isEmpty ? 0 : declared;
  return {
    start,
    name: continued ?? sparseName ?? name,
    type: header.type === '1' && stored > 0 ? '0' : header.type,
    link: last('linkpath') ?? parts.longLink ?? header.link,
    size: sparse === undefined || sparse === 'unknown' ? stored : sparse.size,
    data: reader.position,
    stored,
    isContinued: header.type === 'M' || continued !== undefined,
    ...(sparse === undefined ? {} : { sparse }),
  };
}

async function sparseOf(
  reader: ByteReader,
  block: Buffer,
  { type, isGnu }: TarHeader,
  pax: readonly PaxRecord[],
): Promise<{ readonly sparse?: SparseFile | 'unknown'; readonly sparseName?: string | undefined }> {
  if (type === 'S' && isGnu) {
    return { sparse: (await gnuSparse(block, () => reader.take(BLOCK_BYTES))) ?? 'unknown' };
  }
  const found: PaxSparse | undefined = paxSparse(pax);
  if (found !== undefined) return { sparse: found.file ?? 'unknown', sparseName: found.name };
  // Those of star and of Solaris.
  const isOther = type === 'S' || pax.some(([key]) => key === 'SUN.holesdata');
  return isOther ? { sparse: 'unknown' } : {};
}

/** Links, devices, folders and pipes. */
function isWithoutContents(type: string): boolean {
  return type >= '1' && type <= '6';
}

/**
 * Some programs state the size of the file that a link leads to, and write no contents; pax may write them. As libarchive
 * does (`header_common` in archive_read_support_format_tar.c), a header in the place of the contents says that there are none.
 */
async function isHeaderNext(reader: ByteReader): Promise<boolean> {
  const block = await reader.peek(BLOCK_BYTES);
  return block.length < BLOCK_BYTES || isZeroBlock(block) || parseHeader(block) !== undefined;
}

/** `bytes`, filled up to whole blocks. */
export function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

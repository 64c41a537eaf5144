/**
 * Reads a sorted table of LevelDB as TensorFlow writes it, uncompressed: blocks of keys, each but for the beginning that it
 * shares with the one before, and an index block that says where they are. Every block has a checksum, which is compared.
 * Layout: tensorflow/core/lib/io/{format,block,table}.cc.
 */

import { modelError, RunError } from '../../errors.js';

/** At the end of a table, in bytes: two handles, padded, and the magic. */
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;

/** After each block, in bytes: its compression and a checksum. */
const TRAILER_BYTES = 5;

/** In bytes, at most; TensorFlow's own names take 100. */
const MAX_KEY_BYTES = 4096;

interface Entry {
  /** Bytes, one a character. */
  readonly key: string;
  readonly value: Buffer;
}

/** At most `limit` entries in the order of the table. Throws MODEL_INVALID where it is damaged; `path` is for messages. */
export function readTable(table: Buffer, path: string, limit: number): readonly Entry[] {
  try {
    const entries: Entry[] = [];
    for (const { value } of blockAt(table, indexHandle(table), limit)) {
      for (const entry of blockAt(table, new Cursor(value).handle(), limit)) {
        if (entries.push(entry) > limit) throw new RangeError(`it has more than ${limit} entries`);
      }
    }
    return entries;
  } catch (error) {
    if (error instanceof RunError) throw error;
    const reason = error instanceof RangeError ? error.message : 'it breaks its format';
    throw modelError(`${path} is damaged or truncated: as a table of TensorFlow, ${reason}.`, { cause: error });
  }
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function indexHandle(table: Buffer): Handle {
  if (table.length < FOOTER_BYTES) throw new RangeError('it is too short');
  const footer = table.subarray(table.length - FOOTER_BYTES);
  if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== MAGIC) throw new RangeError('it does not end as one');
  const cursor = new Cursor(footer);
  cursor.handle();
  return cursor.handle();
}

function blockAt(table: Buffer, { offset, size }: Handle, limit: number): readonly Entry[] {
  if (offset + size + TRAILER_BYTES > table.length) throw new RangeError('a block lies outside of it');
  const compression = table[offset + size];
  if (compression !== 0) throw new RangeError('a block is compressed');
  const checksum = table.readUInt32LE(offset + size + 1);
  if (maskedCrc32c(table.subarray(offset, offset + size + 1)) !== checksum) throw new RangeError('a checksum is wrong');
  return blockEntries(table.subarray(offset, offset + size), limit);
}

/** Entries, then the places of those that share nothing, then how many places. */
function blockEntries(block: Buffer, limit: number): readonly Entry[] {
  if (block.length < 4) throw new RangeError('a block is too short');
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4);
  if (end < 0) throw new RangeError('a block is too short');
  const cursor = new Cursor(block.subarray(0, end));
  const entries: Entry[] = [];
  let last = '';
  while (!cursor.ended) {
    const shared = cursor.varint();
    const own = cursor.varint();
    const length = cursor.varint();
    if (shared > last.length || shared + own > MAX_KEY_BYTES) throw new RangeError('a key is too long');
    last = last.slice(0, shared) + cursor.bytes(own).toString('latin1');
    if (entries.push({ key: last, value: cursor.bytes(length) }) > limit) {
      throw new RangeError(`it has more than ${limit} entries`);
    }
  }
  return entries;
}

class Cursor {
  #at = 0;

  constructor(readonly data: Buffer) {}

  get ended(): boolean {
    return this.#at >= this.data.length;
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.data.length) throw new RangeError('an entry lies outside of its block');
    this.#at += length;
    return this.data.subarray(this.#at - length, this.#at);
  }

  /** Seven bits a byte, the least first, as far as a number is exact. */
  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes(1)[0] as number;
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is too large');
      if (byte < 128) return value;
    }
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }
}

/** Castagnoli's polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  return crc;
});

/** As LevelDB stores it: a checksum of data that holds checksums would be weak. */
function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 255] as number);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

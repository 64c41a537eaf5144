/** Stored samples of any size as bytes. */

import type { TiffLayout } from './layout.js';
import { SampleFormat } from './tags.js';

/**
 * Reads `count` samples of the row that begins at byte `row` of `stored`, from sample `first` on, into `bytes`, from its
 * start.
 */
export type Unpack = (stored: Uint8Array, row: number, first: number, count: number, bytes: Uint8Array) => void;

/**
 * How samples become bytes; `undefined` where they are bytes. Grey of 1, 2 and 4 bits is spread over the whole range, and
 * places in a palette stay what they are. Of 16 bits without a sign the upper byte is taken; all other numbers are cut off
 * below 0 and above 255, as Pillow's `i2l` and `f2l` do (src/libImaging/Convert.c).
 */
export function unpackerOf({ colours, bigEndian }: Pick<TiffLayout, 'colours' | 'bigEndian'>): Unpack | undefined {
  const { bits, format, kind } = colours;
  if (bits === 8) return undefined;
  if (bits < 8) return bitUnpacker(bits, kind === 'palette' ? 1 : 255 / ((1 << bits) - 1));
  if (bits === 16 && format === SampleFormat.Unsigned) return upperBytes(bigEndian ? 0 : 1);
  const bytesEach = bits / 8;
  const read = numberReader(bits, format, !bigEndian);
  return (stored, row, first, count, bytes) => {
    const view = new DataView(stored.buffer, stored.byteOffset + row + first * bytesEach, count * bytesEach);
    // A typed array of clamped bytes would round.
    for (let i = 0; i < count; i += 1) bytes[i] = Math.max(0, Math.min(255, read(view, i * bytesEach)));
  };
}

function bitUnpacker(bits: number, scale: number): Unpack {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  return (stored, row, first, count, bytes) => {
    for (let i = 0; i < count; i += 1) {
      const byte = stored[row + Math.floor((first + i) / perByte)] as number;
      const shift = 8 - bits * (((first + i) % perByte) + 1);
      bytes[i] = ((byte >> shift) & mask) * scale;
    }
  };
}

/** `upper`: where it is of the two bytes of a sample. */
function upperBytes(upper: number): Unpack {
  return (stored, row, first, count, bytes) => {
    const start = row + 2 * first + upper;
    for (let i = 0; i < count; i += 1) bytes[i] = stored[start + 2 * i] as number;
  };
}

function numberReader(bits: number, format: number, littleEndian: boolean): (view: DataView, at: number) => number {
  if (format === SampleFormat.Float) return (view, at) => view.getFloat32(at, littleEndian);
  if (bits === 16) return (view, at) => view.getInt16(at, littleEndian);
  // Pillow keeps numbers of 32 bits as signed ones, also those that are not.
  return (view, at) => view.getInt32(at, littleEndian);
}

/** Each byte with its bits in the other order: fill order 2. */
export function reverseBits(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => REVERSED[byte] as number);
}

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit += 1) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
});

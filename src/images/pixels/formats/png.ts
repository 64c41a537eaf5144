/** The chunks of a PNG around its pixels, as Pillow checks them (src/PIL/PngImagePlugin.py); libpng lets more pass. */

import zlib from 'node:zlib';
import { CHANNELS } from '../rgb/geometry.js';

/** Signature. */
const START = 8;

/** Length and kind before a chunk's data, and the checksum behind it. */
const HEAD_BYTES = 8;
const CRC_BYTES = 4;

/** Pillow's `is_cid`: four letters, digits or underscores. */
const KIND = /^\w{4}$/;

/** Node's own since 20.15. */
const crc32: typeof zlib.crc32 | undefined = zlib.crc32;

/** Bytes of IHDR, the first chunk, counted from the start of the file. */
const BIT_DEPTH = 24;
const COLOUR_TYPE = 25;

/** Colour types that can have a tRNS chunk. */
const GREY = 0;
const RGB = 2;
const PALETTE = 3;

interface Chunk {
  readonly kind: string;
  /** First byte of its data, and the first behind them, which may lie beyond the end of the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the chunks but not the pixels: that the data of the IDAT chunks is whole only shows when all rows are decoded.
 *
 * @throws Error for a chunk that is cut off, for a wrong checksum before the pixels, and for a transparency that libpng
 *   would pass over with a warning. A missing IEND and checksums behind the pixels do not matter.
 */
export function checkPngChunks(bytes: Buffer): void {
  const colourType = bytes[COLOUR_TYPE] ?? GREY;
  let colours: number | undefined;
  let transparencies = 0;
  let animated = false;
  let seenPixels = false;
  for (let at = START; ; ) {
    const chunk = chunkAt(bytes, at);
    if (chunk === undefined) return;
    const { kind, start, end } = chunk;
    // Behind the pixels of an animation's first picture come those of the next.
    if (kind === 'IEND' || (seenPixels && animated && kind === 'fcTL')) return;
    if (end > bytes.length) throw new Error(`received a part of ${kind}`);
    at = end + CRC_BYTES;
    if (kind === 'IDAT') seenPixels = true;
    if (!seenPixels) checkSum(bytes, chunk);
    if (kind === 'PLTE') colours = Math.min((end - start) / CHANNELS, 1 << (bytes[BIT_DEPTH] ?? 0));
    if (kind === 'acTL') animated = true;
    if (kind === 'fdAT' && animated) throw new Error('received pixels of a frame before the frame');
    if (kind === 'tRNS') {
      transparencies += 1;
      const fits = isTransparency(end - start, colourType, colours);
      if (!fits || seenPixels || transparencies > 1) throw new Error('received a transparency that cannot be applied');
    }
  }
}

/** `undefined` behind the last chunk. */
function chunkAt(bytes: Buffer, at: number): Chunk | undefined {
  const start = at + HEAD_BYTES;
  if (start > bytes.length) return undefined;
  const kind = bytes.toString('latin1', at + 4, start);
  return KIND.test(kind) ? { kind, start, end: start + bytes.readUInt32BE(at) } : undefined;
}

/** The checksum is of the kind and the data. */
function checkSum(bytes: Buffer, { kind, start, end }: Chunk): void {
  if (end + CRC_BYTES > bytes.length) throw new Error(`received ${kind} without a checksum`);
  if (crc32 !== undefined && crc32(bytes.subarray(start - 4, end)) !== bytes.readUInt32BE(end)) {
    throw new Error(`received ${kind} with a wrong checksum`);
  }
}

/**
 * Whether a tRNS chunk of `length` bytes is one for this colour type and number of colours (PNG specification, 11.3.1.1).
 * Where there is opacity already both Pillow and libpng take no notice of it.
 */
function isTransparency(length: number, colourType: number, colours: number | undefined): boolean {
  if (colourType === GREY) return length === 2;
  if (colourType === RGB) return length === 6;
  return colourType !== PALETTE || (colours !== undefined && length <= colours);
}

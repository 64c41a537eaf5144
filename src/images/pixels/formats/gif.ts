/**
 * The first picture of a GIF as Pillow reads it (src/PIL/GifImagePlugin.py). libvips's reader gives other pixels without
 * a word: black around a first frame that is smaller than the canvas, a cut where it reaches beyond, colours of its own
 * where there is no palette, and black for the pixels of data that ends early.
 */

import type { Region } from 'sharp';
import { CHANNELS, type Size } from '../rgb/geometry.js';
import { unpackLzw } from './lzw.js';

/** Signature, canvas (2 × 2 bytes), flags, background index, aspect ratio. */
const HEADER_BYTES = 13;

const IMAGE = 0x2c;
const EXTENSION = 0x21;
const TRAILER = 0x3b;

/** Labels of extensions: what is shown how long and which index is transparent, and comments. */
const GRAPHIC_CONTROL = 0xf9;
const COMMENT = 0xfe;

/** Flags, delay (2 bytes) and transparent index of a graphic control. */
const CONTROL_BYTES = 4;

const HAS_PALETTE = 0x80;
const INTERLACED = 0x40;
const HAS_TRANSPARENCY = 0x01;

const PALETTE_ENTRIES = 256;
const WHITE = 255;

/** First row and distance of the rows of each pass of an interlaced picture (GIF89a specification, appendix E). */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  /** Red, green and blue of each index; `undefined`: the indices are shades of grey. */
  readonly palette: Uint8Array | undefined;
  readonly transparent: number | undefined;
  /** Where the size of the codes and the codes are, in bytes from the start of the file. */
  readonly data: number;
}

/** A GIF whose pixels are not unpacked yet. Width and height are the canvas with all of the first frame on it. */
export interface Gif extends Size {
  /** RGB pixels of a part of the picture, over white. Rejects where the codes are damaged or end too early. */
  readonly rgb: (region: Region) => Promise<Uint8Array>;
}

/** @throws Error where there is no first picture. */
export function openGif(bytes: Buffer): Gif {
  const frame = firstFrame(bytes);
  const size = {
    width: Math.max(bytes.readUInt16LE(6), frame.left + frame.width),
    height: Math.max(bytes.readUInt16LE(8), frame.top + frame.height),
  };
  return { ...size, rgb: async (region) => coloured(indices(bytes, frame), frame, region) };
}

/** Reads on to the first picture as Pillow's `_seek` does: bytes that begin no block are passed over. */
function firstFrame(bytes: Buffer): Frame {
  let at = HEADER_BYTES;
  const flags = byteAt(bytes, 10);
  const shared = (flags & HAS_PALETTE) === 0 ? undefined : paletteAt(bytes, at, flags);
  at += shared?.length ?? 0;
  let transparent: number | undefined;
  for (;;) {
    const kind = byteAt(bytes, at);
    if (kind === TRAILER) throw new Error('received an end before the first picture');
    if (kind === IMAGE) break;
    at += 1;
    if (kind !== EXTENSION) continue;
    const label = byteAt(bytes, at);
    const first = at + 1;
    const length = bytes[first] ?? 0;
    if (label === GRAPHIC_CONTROL && length > 0) {
      if (length < CONTROL_BYTES) throw new Error(`received a graphic control of ${length} bytes`);
      if ((byteAt(bytes, first + 1) & HAS_TRANSPARENCY) !== 0) transparent = byteAt(bytes, first + CONTROL_BYTES);
    }
    at = first + 1 + length;
    // Pillow takes an empty first block for no end, except in comments.
    if (label !== COMMENT || length > 0) at = afterBlocks(bytes, at);
  }
  const packed = byteAt(bytes, at + 9);
  const own = (packed & HAS_PALETTE) === 0 ? undefined : paletteAt(bytes, at + 10, packed);
  const data = at + 10 + (own?.length ?? 0);
  const frame = {
    left: bytes.readUInt16LE(at + 1),
    top: bytes.readUInt16LE(at + 3),
    width: bytes.readUInt16LE(at + 5),
    height: bytes.readUInt16LE(at + 7),
  };
  if (frame.width === 0 || frame.height === 0) throw new Error('received a picture without pixels');
  const palette = own ?? shared;
  return {
    ...frame,
    interlaced: (packed & INTERLACED) !== 0,
    palette: palette !== undefined && isGreyRamp(palette) ? undefined : palette,
    transparent,
    data,
  };
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new Error('received an end before the first picture');
  return byte;
}

/** Behind the empty block that ends a series of blocks. */
function afterBlocks(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = bytes[at] ?? 0;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** Three bits of the flags say how many entries there are. */
function paletteAt(bytes: Buffer, at: number, flags: number): Uint8Array {
  const length = CHANNELS << ((flags & 7) + 1);
  if (at + length > bytes.length) throw new Error('received a part of a palette');
  return bytes.subarray(at, at + length);
}

/** Whether each entry is its own index, so that the palette says nothing. */
function isGreyRamp(palette: Uint8Array): boolean {
  return palette.every((value, at) => value === Math.floor(at / CHANNELS));
}

/** The palette indices of the frame, row by row as they are stored. */
function indices(bytes: Buffer, { width, height, data }: Frame): Uint8Array {
  const pixels = new Uint8Array(width * height);
  unpackLzw(bytes, data + 1, byteAt(bytes, data), pixels);
  return pixels;
}

/** Around the frame the canvas is transparent, or has the palette's first colour where nothing is. */
function coloured(pixels: Uint8Array, frame: Frame, region: Region): Uint8Array {
  const colours = colourTable(frame);
  const around = frame.transparent ?? 0;
  const rows = storedRows(frame);
  const rgb = new Uint8Array(region.width * region.height * CHANNELS);
  let to = 0;
  for (let y = region.top - frame.top; y < region.top - frame.top + region.height; y += 1) {
    const start = (rows[y] ?? 0) * frame.width;
    const isInside = y >= 0 && y < frame.height;
    for (let x = region.left - frame.left; x < region.left - frame.left + region.width; x += 1) {
      const index = isInside && x >= 0 && x < frame.width ? (pixels[start + x] as number) : around;
      rgb[to] = colours[index * CHANNELS] as number;
      rgb[to + 1] = colours[index * CHANNELS + 1] as number;
      rgb[to + 2] = colours[index * CHANNELS + 2] as number;
      to += CHANNELS;
    }
  }
  return rgb;
}

/** Where each row of the frame is stored. */
function storedRows({ height, interlaced }: Frame): Uint16Array {
  const rows = new Uint16Array(height);
  let stored = 0;
  for (const [first, step] of interlaced ? PASSES : [[0, 1] as const]) {
    for (let row = first; row < height; row += step) {
      rows[row] = stored;
      stored += 1;
    }
  }
  return rows;
}

/** Red, green and blue of every index: black for those beyond the palette, white for the transparent one. */
function colourTable({ palette, transparent }: Frame): Uint8Array {
  const colours = new Uint8Array(PALETTE_ENTRIES * CHANNELS);
  if (palette === undefined) {
    for (let at = 0; at < colours.length; at += 1) colours[at] = Math.floor(at / CHANNELS);
  } else {
    colours.set(palette);
  }
  if (transparent !== undefined) colours.fill(WHITE, transparent * CHANNELS, (transparent + 1) * CHANNELS);
  return colours;
}

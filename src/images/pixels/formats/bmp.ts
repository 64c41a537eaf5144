/**
 * BMP of 8, 24 and 32 bits without compression, as Pillow reads it (`BmpImageFile._bitmap` in src/PIL/BmpImagePlugin.py).
 * bmp-ts decodes these to the same bytes; what it decodes otherwise is refused by name: RLE, 1, 4 and 16 bits, headers of
 * OS/2, a gap between the header and the pixels, which it does not look for, and masks that are not of whole bytes.
 */

import { decode } from 'bmp-ts';
import { ImageError } from '../../../errors.js';
import { CHANNELS, type Size } from '../rgb/geometry.js';

/** Of Windows: versions 3, 3 with masks, 3 with a mask for alpha, 4 and 5. */
const HEADERS: readonly number[] = [40, 52, 56, 108, 124];

/** Bytes of the header of the file, which that of the picture follows. */
const FILE_HEADER = 14;

/** Where fields stand from the start of the file, in bytes. */
const AT = { pixels: 10, header: 14, width: 18, height: 22, bits: 28, compression: 30, colours: 46, masks: 54 };

/** Methods of compression: none, and none with masks of the colours. */
const PLAIN = 0;
const MASKED = 3;

/** What else there is, for people. */
const COMPRESSIONS: Readonly<Record<number, string>> = {
  1: 'RLE compression',
  2: 'RLE compression',
  4: 'a JPEG inside',
  5: 'a PNG inside',
};

/** Masks of red, green, blue and alpha in 32 bits that Pillow has too. */
const MASKS: readonly string[] = [
  'ff0000 ff00 ff 0',
  'ff000000 ff0000 ff00 0',
  'ff000000 ff00 ff 0',
  'ff000000 ff0000 ff00 ff',
  'ff ff00 ff0000 ff000000',
  'ff0000 ff00 ff ff000000',
  'ff000000 ff00 ff ff0000',
];
const USUAL_MASKS = 'ff0000 ff00 ff';

interface Header extends Size {
  readonly bits: 8 | 24 | 32;
  readonly hasAlpha: boolean;
  /** Where the pixels begin. */
  readonly pixels: number;
  /** Of the palette; 0 where there is none. */
  readonly colours: number;
}

export interface RawPixels extends Size {
  /** RGB, or RGB and alpha. */
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

/** @throws ImageError UNSUPPORTED_FORMAT for a kind of BMP that is not read, DECODE_FAILED for one that is cut off. */
export function bmpSize(bytes: Buffer): Size {
  return readHeader(bytes);
}

/** Rejects nothing that `bmpSize` took, but for palettes: @throws ImageError UNSUPPORTED_FORMAT for colours that are not in it. */
export function decodeBmp(bytes: Buffer): RawPixels {
  const header = readHeader(bytes);
  const { width, height, hasAlpha } = header;
  checkColours(bytes, header);
  // Alpha, blue, green and red: the order in which bmp-ts has every kind right.
  const { data: abgr } = decode(bytes);
  const channels = hasAlpha ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  for (let from = 0, to = 0; to < data.length; from += 4, to += channels) {
    data[to] = abgr[from + 3] as number;
    data[to + 1] = abgr[from + 2] as number;
    data[to + 2] = abgr[from + 1] as number;
    if (hasAlpha) data[to + CHANNELS] = abgr[from] as number;
  }
  return { width, height, channels, data };
}

function readHeader(bytes: Buffer): Header {
  if (bytes.length < AT.masks) throw cutOff();
  const size = bytes.readUInt32LE(AT.header);
  if (!HEADERS.includes(size)) throw unsupported(`a header of ${size} bytes`);
  if (bytes.length < FILE_HEADER + size) throw cutOff();
  const bits = bytes.readUInt16LE(AT.bits);
  const compression = bytes.readUInt32LE(AT.compression);
  if (compression !== PLAIN && compression !== MASKED) {
    throw unsupported(COMPRESSIONS[compression] ?? `compression ${compression}`);
  }
  if (bits !== 8 && bits !== 24 && bits !== 32) throw unsupported(`${bits}-bit pixels`);
  const masksBehind = compression === MASKED && size === 40 ? 12 : 0;
  if (bytes.length < FILE_HEADER + size + masksBehind) throw cutOff();
  const hasAlpha = readMasks(bytes, size, bits, compression);
  const colours = bytes.readUInt32LE(AT.colours) || (bits === 8 ? 256 : 0);
  // Pillow takes a palette of up to two colours for pixels of one bit, and refuses one of more than 256.
  if (bits === 8 && (colours <= 2 || colours > 256)) throw unsupported(`a palette of ${colours} colours`);
  const pixels = bytes.readUInt32LE(AT.pixels);
  if (pixels !== FILE_HEADER + size + masksBehind + 4 * colours) throw unsupported('a gap before its pixels');
  const height = bytes.readUInt32LE(AT.height);
  const header: Header = {
    width: bytes.readUInt32LE(AT.width),
    // Rows from top to bottom have a negative height.
    height: height >= 0xff000000 ? 2 ** 32 - height : height,
    ...{ bits, hasAlpha, pixels, colours },
  };
  if (header.width === 0 || header.height === 0) throw unsupported(`${header.width}x${header.height} pixels`);
  return header;
}

/** Whether one of the masks is for alpha. */
function readMasks(bytes: Buffer, size: number, bits: number, compression: number): boolean {
  if (compression === MASKED && bits !== 32) throw unsupported(`masks of ${bits} bits`);
  // Without masks the fourth byte is nothing; but bmp-ts takes what stands there in longer headers for masks.
  if (bits !== 32 || (compression === PLAIN && size === 40)) return false;
  const masks = [0, 4, 8, 12].map((at) =>
    at < 12 || size >= 56 ? bytes.readUInt32LE(AT.masks + at).toString(16) : '0',
  );
  const known = compression === MASKED ? MASKS.includes(masks.join(' ')) : masks.slice(0, 3).join(' ') === USUAL_MASKS;
  if (!known) throw unsupported(`the masks ${masks.join(', ')}`);
  return compression === MASKED && masks[3] !== '0';
}

/** That all rows are there, but for what fills up the last one, and that all their colours are in the palette. */
function checkColours(bytes: Buffer, { width, height, bits, pixels, colours }: Header): void {
  const rowBytes = (width * bits) / 8;
  const stride = Math.ceil(rowBytes / 4) * 4;
  if (bytes.length < pixels + stride * (height - 1) + rowBytes) throw cutOff();
  if (bits !== 8 || colours === 256) return;
  for (let row = pixels, n = 0; n < height; n += 1, row += stride) {
    if (bytes.subarray(row, row + rowBytes).some((index) => index >= colours)) {
      throw unsupported('colours that are not in its palette');
    }
  }
}

function unsupported(what: string): ImageError {
  return new ImageError(
    'UNSUPPORTED_FORMAT',
    `Expected a BMP of 8, 24 or 32 bits without compression but received one with ${what}.`,
  );
}

function cutOff(): ImageError {
  return new ImageError('DECODE_FAILED', 'Expected a whole BMP but its data is damaged or cut off.');
}

/** Recognises files by their first bytes: only photo formats go to a decoder, whatever the extension says. */

import { kindOf, otherKind, RAW_PHOTOS, type Signature } from './other-kinds.js';
import { rawTiff } from './raw-photo.js';

/** Bytes looked at: the brands of an AVIF fit in, and what stands before the first element of an SVG. */
const HEAD_BYTES = 512;

/** The formats that are decoded, as people write them. */
export const FORMAT_NAMES = {
  jpeg: 'JPEG',
  png: 'PNG',
  webp: 'WebP',
  gif: 'GIF',
  tiff: 'TIFF',
  avif: 'AVIF',
  bmp: 'BMP',
} as const;

export type PhotoFormat = keyof typeof FORMAT_NAMES;

export type Sniffed = { readonly format: PhotoFormat } | { readonly other: string };

const PHOTOS: readonly (readonly [PhotoFormat, Signature])[] = [
  ['jpeg', '\xff\xd8\xff'],
  ['png', '\x89PNG\r\n\x1a\n'],
  ['webp', 'RIFF????WEBP'],
  ['gif', 'GIF87a'],
  ['gif', 'GIF89a'],
  ['tiff', 'II*\0'],
  ['tiff', 'MM\0*'],
  ['tiff', 'II+\0'], // BigTIFF
  ['tiff', 'MM\0+'],
];

/** Header sizes of BMP, which follow its own 14 bytes: of OS/2, and of Windows from version 3 to 5. */
const BMP_HEADERS: readonly number[] = [12, 16, 40, 52, 56, 64, 108, 124];

const AVIF_BRANDS = ['avif', 'avis'];

/** Other brands of ISO base media, the most telling first: what has none of them is a video. */
const BRANDS: readonly (readonly [string, readonly string[]])[] = [
  ['a raw photo (Canon CR3)', ['crx ']],
  ['HEIC', ['heic', 'heix', 'heim', 'heis']],
  ['a HEIC sequence', ['hevc', 'hevx', 'hevm', 'hevs']],
  ['JPEG XL', ['jxl ']],
  ['JPEG 2000', ['jp2 ', 'jpx ', 'jpm ', 'j2ki', 'j2is']],
  ['HEIF', ['mif1', 'mif2', 'msf1', 'avci', 'avcs', 'jpeg', 'jpgs', 'vvic', 'vvis']],
  ['sound', ['M4A ', 'M4B ', 'M4P ']],
];

/** `other` completes the sentence "but received …". */
export function sniff(bytes: Buffer): Sniffed {
  const head = bytes.toString('latin1', 0, HEAD_BYTES);
  const raw = kindOf(RAW_PHOTOS, head);
  if (raw !== undefined) return { other: raw };
  const format = kindOf(PHOTOS, head);
  const rawKind = format === 'tiff' ? rawTiff(bytes) : undefined;
  if (rawKind !== undefined) return { other: rawKind };
  if (format !== undefined) return { format };
  if (isBmp(bytes)) return { format: 'bmp' };
  return head.startsWith('ftyp', 4) ? isoMedia(head) : { other: otherKind(bytes, head) };
}

/** "BM" is text as well: the size of the header that follows it says more. */
function isBmp(bytes: Buffer): boolean {
  return bytes.length >= 18 && bytes.toString('latin1', 0, 2) === 'BM' && BMP_HEADERS.includes(bytes.readUInt32LE(14));
}

/** ISO base media (AVIF, HEIC, MP4 …): box size, "ftyp", major brand, version, compatible brands, 4 bytes each. */
function isoMedia(head: string): Sniffed {
  const boxEnd = Math.min(Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE(), head.length);
  const brands = [head.slice(8, 12)];
  for (let at = 16; at + 4 <= boxEnd; at += 4) brands.push(head.slice(at, at + 4));
  if (brands.some((brand) => AVIF_BRANDS.includes(brand))) return { format: 'avif' };
  return { other: BRANDS.find(([, known]) => brands.some((brand) => known.includes(brand)))?.[0] ?? 'a video' };
}

/** Recognises files by their first bytes: only photo formats go to a decoder, whatever the extension says. */

/** Bytes looked at. A major brand and the usual number of compatible brands of an AVIF file fit in. */
const HEAD_BYTES = 64;

/** The formats that are decoded, as people write them. */
export const FORMAT_NAMES = {
  jpeg: 'JPEG',
  png: 'PNG',
  webp: 'WebP',
  gif: 'GIF',
  tiff: 'TIFF',
  avif: 'AVIF',
} as const;

export type PhotoFormat = keyof typeof FORMAT_NAMES;

export type Sniffed = { readonly format: PhotoFormat } | { readonly other: string };

/** `other` of what has no known signature and is not text. */
export const UNKNOWN_KIND = 'data of an unknown kind';

/** Bytes at the start, Latin-1; a `?` stands for any byte. */
type Signature = string;

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

/** What else lies about in folders of photos, in words. */
const OTHERS: readonly (readonly [string, Signature])[] = [
  ['a video', 'RIFF????AVI '],
  ['a video', '\x1aE\xdf\xa3'],
  ['sound', 'RIFF????WAVE'],
  ['BMP', 'BM????\0\0\0\0'],
  ['JPEG XL', '\xff\x0a'],
  ['JPEG XL', '\0\0\0\x0cJXL '],
  ['JPEG 2000', '\0\0\0\x0cjP  '],
  ['a Photoshop document', '8BPS'],
  ['an icon', '\0\0\x01\0'],
  ['PDF', '%PDF'],
  ['PostScript', '%!PS'],
  ['a ZIP archive', 'PK\x03\x04'],
  ['a gzip archive', '\x1f\x8b'],
  ['a bzip2 archive', 'BZh'],
  ['an XZ archive', '\xfd7zXZ\0'],
  ['a Zstandard archive', '\x28\xb5\x2f\xfd'],
  ['a 7-Zip archive', "7z\xbc\xaf'\x1c"],
  ['a RAR archive', 'Rar!\x1a\x07'],
  ['PGM', 'P5'],
  ['PPM', 'P6'],
];

const AVIF_BRANDS = ['avif', 'avis'];
const HEIC_BRANDS = ['heic', 'heix', 'hevc', 'heim', 'heis', 'mif1', 'msf1'];

/** `other` completes the sentence "but received …". */
export function sniff(bytes: Uint8Array): Sniffed {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES)).toString('latin1');
  const photo = PHOTOS.find(([, signature]) => startsWith(head, signature));
  if (photo !== undefined) return { format: photo[0] };
  if (startsWith(head, '????ftyp')) return isoMedia(head);
  const other = OTHERS.find(([, signature]) => startsWith(head, signature));
  return { other: other?.[0] ?? textKind(head) };
}

function startsWith(head: string, signature: Signature): boolean {
  for (let i = 0; i < signature.length; i += 1) {
    if (signature[i] !== '?' && signature[i] !== head[i]) return false;
  }
  return true;
}

/** ISO base media (AVIF, HEIC, MP4 …): box size, "ftyp", major brand, version, compatible brands, 4 bytes each. */
function isoMedia(head: string): Sniffed {
  const boxEnd = Math.min(Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE(), head.length);
  const brands = [head.slice(8, 12)];
  for (let at = 16; at + 4 <= boxEnd; at += 4) brands.push(head.slice(at, at + 4));
  if (brands.some((brand) => AVIF_BRANDS.includes(brand))) return { format: 'avif' };
  return { other: brands.some((brand) => HEIC_BRANDS.includes(brand)) ? 'HEIC' : 'a video' };
}

function textKind(head: string): string {
  const text = head
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
    .toLowerCase();
  if (text.startsWith('<svg')) return 'SVG';
  if (text.startsWith('<?xml')) return text.includes('<svg') ? 'SVG' : 'XML';
  if (text.startsWith('<!doctype html') || text.startsWith('<html')) return 'HTML';
  return /^[\t\n\r\x20-\x7e\x80-\xff]*$/.test(head) ? 'text' : UNKNOWN_KIND;
}

/** What else lies about in folders of photos, in words that complete the sentence "but received …". */

/** Bytes at the start, Latin-1; a `?` stands for any byte. */
export type Signature = string;

/** `other` of what has no known signature and is not text. */
export const UNKNOWN_KIND = 'data of an unknown kind';

/** Looked at before the formats that are decoded, which these begin like. */
export const RAW_PHOTOS: readonly (readonly [string, Signature])[] = [
  ['a raw photo (Canon CR2)', 'II*\0????CR\x02'],
  ['a raw photo (Phase One IIQ)', 'II*\0????IIII'],
  ['a raw photo (Phase One IIQ)', 'MM\0*????MMMM'],
];

const OTHERS: readonly (readonly [string, Signature])[] = [
  ['a raw photo (Canon CRW)', 'II????HEAPCCDR'],
  ['a raw photo (Olympus ORF)', 'IIRO'],
  ['a raw photo (Olympus ORF)', 'IIRS'],
  ['a raw photo (Olympus ORF)', 'MMOR'],
  ['a raw photo (Panasonic RW2)', 'IIU\0'],
  ['a raw photo (Fujifilm RAF)', 'FUJIFILMCCD-RAW'],
  ['a raw photo (Minolta MRW)', '\0MRM'],
  ['a raw photo (Sigma X3F)', 'FOVb'],
  ['a TIFF whose version has its bytes swapped', 'II\0*'],
  ['a TIFF whose version has its bytes swapped', 'MM*\0'],
  ['JPEG XL', '\xff\x0a'],
  ['JPEG XL', '\0\0\0\x0cJXL '],
  ['JPEG XR', 'II\xbc'],
  ['JPEG 2000', '\0\0\0\x0cjP  '],
  ['a JPEG 2000 codestream', '\xff\x4f\xff\x51'],
  ['JBIG2', '\x97JB2\r\n\x1a\n'],
  ['JNG', '\x8bJNG\r\n\x1a\n'],
  ['MNG', '\x8aMNG\r\n\x1a\n'],
  ['BPG', 'BPG\xfb'],
  ['FLIF', 'FLIF'],
  ['QOI', 'qoif'],
  ['DDS', 'DDS '],
  ['KTX', '\xabKTX '],
  ['BLP', 'BLP1'],
  ['BLP', 'BLP2'],
  ['OpenEXR', 'v/1\x01'],
  ['Radiance HDR', '#?RADIANCE'],
  ['Radiance HDR', '#?RGBE'],
  ['PAM', 'P7\n'],
  ['PFM', 'PF\n'],
  ['PFM', 'Pf\n'],
  ['a Photoshop document', '8BPS'],
  ['a GIMP image', 'gimp xcf'],
  ['a Paint Shop Pro image', 'Paint Shop Pro Image File'],
  ['an icon of macOS (ICNS)', 'icns'],
  ['PCX', '\x0a\x05\x01'],
  ['PCX', '\x0a\x03\x01'],
  ['PCX', '\x0a\x02\x01'],
  ['PCX', '\x0a\0\x01'],
  ['DCX', '\xb1\x68\xde\x3a'],
  ['an SGI image', '\x01\xda\0\x01'],
  ['an SGI image', '\x01\xda\0\x02'],
  ['an SGI image', '\x01\xda\x01\x01'],
  ['an SGI image', '\x01\xda\x01\x02'],
  ['a Sun raster', '\x59\xa6\x6a\x95'],
  ['an IFF image', 'FORM????ILBM'],
  ['an IFF image', 'FORM????PBM '],
  ['XPM', '/* XPM */'],
  ['a Windows metafile', '\xd7\xcd\xc6\x9a'],
  ['DPX', 'SDPX'],
  ['DPX', 'XPDS'],
  ['Cineon', '\x80\x2a\x5f\xd7'],
  ['an ImageMagick image', 'id=ImageMagick'],
  ['DjVu', 'AT&TFORM'],
  ['FITS', 'SIMPLE  ='],
  ['HDF5', '\x89HDF\r\n\x1a\n'],
  ['HDF5', '\x0e\x03\x13\x01'],
  ['NetCDF', 'CDF\x01'],
  ['NetCDF', 'CDF\x02'],
  ['a NumPy array', '\x93NUMPY'],
  ['Parquet', 'PAR1'],
  ['an SQLite database', 'SQLite format 3\0'],
  ['a video', 'RIFF????AVI '],
  ['a video', '\x1aE\xdf\xa3'],
  ['a video', '\0\0\x01\xba'],
  ['a video', '\0\0\x01\xb3'],
  ['a video', '0&\xb2u\x8ef\xcf\x11'],
  ['a video', 'FLV\x01'],
  ['a video', '????moov'],
  ['a video', '????mdat'],
  ['a video', '????wide'],
  ['an animation (FLI)', '????\x11\xaf'],
  ['an animation (FLC)', '????\x12\xaf'],
  ['an animated cursor', 'RIFF????ACON'],
  ['sound', 'RIFF????WAVE'],
  ['sound', 'ID3'],
  ['sound', 'fLaC'],
  ['sound or a video (Ogg)', 'OggS'],
  ['PDF', '%PDF'],
  ['PostScript', '%!PS'],
  ['PostScript', '\xc5\xd0\xd3\xc6'],
  ['an Office document', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['a ZIP archive', 'PK\x03\x04'],
  ['a ZIP archive', 'PK\x05\x06'],
  ['a gzip archive', '\x1f\x8b'],
  ['a bzip2 archive', 'BZh'],
  ['an XZ archive', '\xfd7zXZ\0'],
  ['a Zstandard archive', '\x28\xb5\x2f\xfd'],
  ['a 7-Zip archive', "7z\xbc\xaf'\x1c"],
  ['a RAR archive', 'Rar!\x1a\x07'],
  ['a Cabinet archive', 'MSCF\0\0\0\0'],
  ['a program', '\x7fELF'],
  ['a program', 'MZ\x90\0'],
  ['macOS data about a file (AppleDouble)', '\0\x05\x16\x07'],
  ['macOS data about a folder', '\0\0\0\x01Bud1'],
  ['a property list of macOS', 'bplist00'],
  ['a Windows shortcut', 'L\0\0\0\x01\x14\x02\0'],
  ['a Git LFS pointer, which git lfs pull replaces by the file', 'version https://git-lfs.github.com/spec/'],
  ['a git-annex pointer, which git annex get replaces by the file', '/annex/objects/'],
  ['an XMP sidecar', '<x:xmpmeta'],
  ['an XMP sidecar', '<?xpacket'],
  ['text in UTF-16', '\xff\xfe'],
  ['text in UTF-16', '\xfe\xff'],
];

/** Signatures that say nothing at the start alone: a kind, where its magic stands in bytes, and the magic. */
const INSIDE: readonly (readonly [string, number, string])[] = [
  ['DICOM', 128, 'DICM'],
  ['a Windows metafile', 40, ' EMF\0\0\x01\0'],
];

const NETPBM: Readonly<Record<string, string>> = { 1: 'PBM', 2: 'PGM', 3: 'PPM', 4: 'PBM', 5: 'PGM', 6: 'PPM' };

const TGA_HEADER_BYTES = 18;
const TGA_FOOTER = 'TRUEVISION-XFILE.\0';

/** `head` is the beginning of `bytes`, Latin-1. */
export function otherKind(bytes: Buffer, head: string): string {
  return (
    kindOf(OTHERS, head) ??
    INSIDE.find(([, at, magic]) => head.startsWith(magic, at))?.[0] ??
    netpbm(head) ??
    icon(bytes) ??
    (bytes.toString('latin1', Math.max(0, bytes.length - TGA_FOOTER.length)) === TGA_FOOTER ? 'TGA' : undefined) ??
    text(head) ??
    (isTga(bytes) ? 'TGA' : UNKNOWN_KIND)
  );
}

/** The first of the kinds that the bytes begin like. */
export function kindOf<Kind>(kinds: readonly (readonly [Kind, Signature])[], head: string): Kind | undefined {
  return kinds.find(([, signature]) => startsWith(head, signature))?.[0];
}

export function startsWith(head: string, signature: Signature): boolean {
  for (let i = 0; i < signature.length; i += 1) {
    if (signature[i] !== '?' && signature[i] !== head[i]) return false;
  }
  return true;
}

/** A `P`, a digit, and white space or a comment. */
function netpbm(head: string): string | undefined {
  const digit = /^P([1-6])[\s#]/.exec(head)?.[1];
  return digit === undefined ? undefined : NETPBM[digit];
}

/** ICO and CUR: 0, 1 or 2, and how many pictures there are. */
function icon(bytes: Buffer): string | undefined {
  if (bytes.length < 6 || bytes.readUInt16LE() !== 0 || bytes.readUInt16LE(4) === 0) return undefined;
  return { 1: 'an icon (ICO)', 2: 'a cursor (CUR)' }[bytes.readUInt16LE(2)];
}

function text(head: string): string | undefined {
  const start = head
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
    .toLowerCase();
  if (start.startsWith('<svg')) return 'SVG';
  if (start.startsWith('<?xml')) return start.includes('<svg') ? 'SVG' : 'XML';
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) return 'HTML';
  if (/^#define\s+\S+_width\s/.test(head)) return 'XBM';
  return /^[\t\n\r\x20-\x7e\x80-\xff]*$/.test(head) ? 'text' : undefined;
}

/**
 * TGA of 1984 has neither magic nor footer: by the fields of its header that Pillow looks at too (`TgaImageFile._open` in
 * src/PIL/TgaImagePlugin.py), and by the bytes of the colours, which are as many as the header says.
 */
function isTga(bytes: Buffer): boolean {
  if (bytes.length <= TGA_HEADER_BYTES) return false;
  const [hasMap, kind] = [bytes.readUInt8(1), bytes.readUInt8(2)];
  const [width, height, depth] = [bytes.readUInt16LE(12), bytes.readUInt16LE(14), bytes.readUInt8(16)];
  const isMapped = kind === 1 || kind === 9;
  if (hasMap > 1 || (isMapped && hasMap === 0) || ![1, 2, 3, 9, 10, 11].includes(kind)) return false;
  if (width === 0 || height === 0 || !(kind % 8 === 2 ? [15, 16, 24, 32] : [8, 16]).includes(depth)) return false;
  // Bits 6 and 7 of the last byte were for interleaving, which nobody used.
  if (bytes.readUInt8(17) > 0x3f) return false;
  const map = hasMap * bytes.readUInt16LE(5) * Math.ceil(bytes.readUInt8(7) / 8);
  const pixels = kind >= 9 ? 1 : width * height * Math.ceil(depth / 8);
  return bytes.length >= TGA_HEADER_BYTES + bytes.readUInt8() + map + pixels;
}

/** EXIF and XMP of a JPEG: segments before its first scan (CIPA DC-008, 4.7.2; XMP specification part 3, 1.1.3). */

import type { EmbeddedBlocks } from './blocks.js';

/** Second bytes of markers: start of scan, a comment, and the application segment that both blocks are in. */
const SOS = 0xda;
const COM = 0xfe;
const APP1 = 0xe1;

/** A photo has some tens before its first scan; the rest of a hostile file is not looked at. */
const MAX_MARKERS = 100_000;

/** Of a segment's length, which counts itself. */
const LENGTH_BYTES = 2;

const EXIF = Buffer.from('Exif\0\0');
const XMP = Buffer.from('http://ns.adobe.com/xap/1.0/\0');

/** As in Pillow (`APP` in src/PIL/JpegImagePlugin.py): several segments of EXIF are one block, and the last XMP counts. */
export function readJpegBlocks(bytes: Buffer): EmbeddedBlocks {
  const exif: Buffer[] = [];
  let xmp: Buffer | undefined;
  let at = 0;
  for (let n = 0; n < MAX_MARKERS; n += 1) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) break;
    // Several are a marker too: the first ones fill up.
    while (bytes[at] === 0xff) at += 1;
    const marker = bytes[at];
    if (marker === undefined || marker === SOS) break;
    at += 1;
    if (!hasLength(marker) || at + LENGTH_BYTES > bytes.length) continue;
    const length = Math.max(bytes.readUInt16BE(at), LENGTH_BYTES);
    const segment = bytes.subarray(at + LENGTH_BYTES, at + length);
    at += length;
    if (marker !== APP1) continue;
    if (segment.subarray(0, EXIF.length).equals(EXIF)) exif.push(segment.subarray(EXIF.length));
    else if (segment.subarray(0, XMP.length).equals(XMP)) xmp = segment.subarray(XMP.length);
  }
  return { exif: exif.length > 1 ? Buffer.concat(exif) : exif[0], xmp };
}

/** Not those that stand alone: an escaped 0xFF, TEM, RST0 to RST7, SOI, EOI and the reserved JPG0 to JPG13. */
function hasLength(marker: number): boolean {
  return marker === COM || (marker >= 0xc0 && marker < 0xf0 && !(marker >= 0xd0 && marker <= 0xd9));
}

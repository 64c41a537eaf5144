/** A TIFF is itself what EXIF data is made as; its XMP is the value of a tag (XMP specification part 3, 1.1.6). */

import { openTiff } from '../ifd/ifd.js';
import type { EmbeddedBlocks } from './blocks.js';

const XMP = 700;
const WANTED: ReadonlySet<number> = new Set([XMP]);

export function readTiffBlocks(bytes: Buffer): EmbeddedBlocks {
  const tiff = openTiff(bytes);
  const xmp = tiff?.read(tiff.first, WANTED).get(XMP);
  return { exif: bytes, xmp: Buffer.isBuffer(xmp) ? xmp : undefined };
}

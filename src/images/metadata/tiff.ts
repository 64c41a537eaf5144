/** A TIFF is itself what EXIF data is made as; its XMP is the value of a tag (XMP specification part 3, 1.1.6). */

import { openTiff, TiffDirectory } from '../ifd/directory.js';
import type { EmbeddedBlocks } from './blocks.js';

const XMP = 700;

export function readTiffBlocks(bytes: Buffer): EmbeddedBlocks {
  const tiff = openTiff(bytes);
  const xmp = tiff === undefined ? undefined : new TiffDirectory(tiff).value(XMP);
  return { exif: bytes, xmp: Buffer.isBuffer(xmp) ? xmp : undefined };
}

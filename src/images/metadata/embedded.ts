/** The blocks of metadata that a photo carries, without a decoder: these formats are rows of blocks. */

import type { PhotoFormat } from '../sniff/sniff.js';
import { readJpegBlocks } from './jpeg.js';
import { readPngBlocks } from './png.js';
import { readTiffBlocks } from './tiff.js';
import { readWebpBlocks } from './webp.js';

/** What Pillow finds in the same file, so that the same orientation and dates come of it. */
export interface EmbeddedBlocks {
  /** A TIFF structure, perhaps after `Exif\0\0`; of a TIFF file, the file. */
  readonly exif?: Buffer | undefined;
  /** An XMP packet: XML text. */
  readonly xmp?: Buffer | undefined;
  /** EXIF data where only other tools than Pillow look for it: good for dates, not for the orientation. */
  readonly otherExif?: Buffer | undefined;
}

/** An AVIF's blocks may lie anywhere in the file: libvips finds them. */
export function embeddedBlocks(bytes: Buffer, format: Exclude<PhotoFormat, 'avif'>): EmbeddedBlocks {
  switch (format) {
    case 'jpeg':
      return readJpegBlocks(bytes);
    case 'png':
      return readPngBlocks(bytes);
    case 'webp':
      return readWebpBlocks(bytes);
    case 'tiff':
      return readTiffBlocks(bytes);
    default:
      return {};
  }
}

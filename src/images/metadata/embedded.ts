/** The blocks of metadata that a photo carries, without a decoder: these formats are rows of blocks. */

import type { PhotoFormat } from '../sniff/sniff.js';
import type { EmbeddedBlocks } from './blocks.js';
import { readJpegBlocks } from './jpeg.js';
import { readPngBlocks } from './png.js';
import { readTiffBlocks } from './tiff.js';
import { readWebpBlocks } from './webp.js';

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

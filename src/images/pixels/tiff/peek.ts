/** A large TIFF file's number of pixels, before the file is read whole: most of it may be holes that take no room on disk. */

import type { FileHandle } from 'node:fs/promises';
import { readAll } from '../../files/read.js';
import { openTiff, wholeDirectory } from '../../ifd/directory.js';
import { checkSize } from '../rgb/limits.js';
import { Tag } from './tags.js';

/** Smaller files are soon read, and say it themselves. In bytes. */
const LARGE_BYTES = 32 * 1024 * 1024;

/** Room for the directories of scientists and cameras, with hundreds of tags. */
const DIRECTORY_BYTES = 65_536;

/** The header of a BigTIFF file, of which that of any other is the beginning. */
const HEADER_BYTES = 16;

/**
 * Does nothing for files that are not large, not TIFF, or damaged: whoever decodes them says so.
 *
 * @throws ImageError TOO_LARGE for a picture of more than `maxPixels` pixels.
 */
export async function checkLargeTiff(handle: FileHandle, size: number, maxPixels: number): Promise<void> {
  if (size < LARGE_BYTES) return;
  const header = await readAll(handle, HEADER_BYTES);
  const start = openTiff(header)?.first;
  if (start === undefined || start >= size) return;
  const picture = sizeIn(header, await readAll(handle, DIRECTORY_BYTES, start));
  if (picture !== undefined) checkSize(picture, maxPixels);
}

/** Of a directory that is read without the file around it: numbers of one value stand in the directory itself. */
function sizeIn(header: Buffer, bytes: Buffer): { width: number; height: number } | undefined {
  try {
    const directory = wholeDirectory(Buffer.concat([header, bytes]), HEADER_BYTES);
    const width = directory.number(Tag.ImageWidth);
    const height = directory.number(Tag.ImageLength);
    return width === undefined || height === undefined ? undefined : { width, height };
  } catch {
    return undefined;
  }
}

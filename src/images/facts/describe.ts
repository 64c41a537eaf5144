/** What a record of an image says beside its pixels: for data sets that are checked, deduplicated and sorted by date. */

import { createHash } from 'node:crypto';
import { embeddedBlocks } from '../metadata/embedded.js';
import { avifBlocks } from '../pixels/picture.js';
import { type PhotoFormat, sniff } from '../sniff/sniff.js';
import { timeTaken } from './exif.js';

export interface ImageDetails {
  /** Size of the file, or of the member of an archive. */
  readonly bytes: number;
  /** In hex, of the same bytes. */
  readonly sha256: string;
  /** By its first bytes; `null` for what is not decoded. */
  readonly format: PhotoFormat | null;
  /**
   * When it was taken, by EXIF: ISO 8601, `2019-05-04T13:45:00`, followed by the offset from UTC where that is known.
   * `null` where the image does not say or says what cannot be.
   */
  readonly taken: string | null;
}

/** Never rejects: an image that cannot be decoded has details all the same. */
export async function describeImage(bytes: Buffer): Promise<ImageDetails> {
  const kind = sniff(bytes);
  const format = 'format' in kind ? kind.format : null;
  return {
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    format,
    taken: format === null ? null : await taken(bytes, format),
  };
}

async function taken(bytes: Buffer, format: PhotoFormat): Promise<string | null> {
  const { exif, otherExif } = format === 'avif' ? await avifBlocks(bytes) : embeddedBlocks(bytes, format);
  for (const data of [exif, otherExif]) {
    const time = data === undefined ? null : timeTaken(data);
    if (time !== null) return time;
  }
  return null;
}

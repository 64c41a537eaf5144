/** AVIF files that libvips does not recognise as such, for it looks at their major brand alone. */

import { ImageError } from '../../../errors.js';

/** Every AVIF file begins with this box, and the major brand is its first field (ISO/IEC 14496-12, 4.3). */
const BRAND = { start: 8, end: 12 };
const STILL = 'avif';

const BOX_HEAD_BYTES = 8;

/** Boxes of padding (ISO/IEC 14496-12, 8.1.2): nothing is lost with them. */
const PADDING: ReadonlySet<string> = new Set(['free', 'skip']);

/**
 * The file with the major brand of a still picture. An animation (`avis`) has a still picture beside its frames, which
 * decoders of stills show, as those of animations show its first frame; files for other uses (`miaf`, `MA1B` …) only call
 * themselves otherwise.
 *
 * @throws ImageError UNSUPPORTED_FORMAT for an animation that has frames alone; Error where frames are cut off.
 */
export function asStillAvif(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', BRAND.start, BRAND.end) === STILL) return bytes;
  const kinds = topBoxes(bytes);
  if (kinds.has('moov') && !kinds.has('meta')) {
    throw new ImageError('UNSUPPORTED_FORMAT', 'Expected an AVIF with a still picture but received frames alone.');
  }
  const still = Buffer.from(bytes);
  still.write(STILL, BRAND.start, 'latin1');
  return still;
}

/**
 * Kinds of the boxes that are in no other box.
 *
 * @throws Error for a box that goes on behind the end of the file.
 */
function topBoxes(bytes: Buffer): Set<string> {
  const kinds = new Set<string>();
  for (let at = 0; at + BOX_HEAD_BYTES <= bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    const kind = bytes.toString('latin1', at + 4, at + BOX_HEAD_BYTES);
    kinds.add(kind);
    if (size < BOX_HEAD_BYTES) break; // 0: to the end of the file; 1: more than 4 GB, which is never read
    at += size;
    if (at > bytes.length && !PADDING.has(kind)) throw new Error(`received a part of ${kind}`);
  }
  return kinds;
}

/** AVIF files that libvips does not recognise as such, for it looks at their major brand alone. */

import { ImageError } from '../errors.js';

/** Every AVIF file begins with this box, and the major brand is its first field (ISO/IEC 14496-12, 4.3). */
const BRAND = { start: 8, end: 12 };
const STILL = 'avif';

const BOX_HEAD_BYTES = 8;

/**
 * The file with the major brand of a still picture. An animation (`avis`) has a still picture beside its frames, which
 * decoders of stills show, as those of the animation show its first frame; files for other uses (`miaf`, `MA1B` …) only
 * call themselves otherwise.
 *
 * @throws ImageError UNSUPPORTED_FORMAT for an animation that has frames alone.
 */
export function asStillAvif(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', BRAND.start, BRAND.end) === STILL) return bytes;
  const boxes = topBoxes(bytes);
  if (boxes.has('moov') && !boxes.has('meta')) {
    throw new ImageError('UNSUPPORTED_FORMAT', 'Expected an AVIF with a still picture but received frames alone.');
  }
  const still = Buffer.from(bytes);
  still.write(STILL, BRAND.start, 'latin1');
  return still;
}

/** Kinds of the boxes that are in no other box; up to one whose size cannot be right. */
function topBoxes(bytes: Buffer): Set<string> {
  const kinds = new Set<string>();
  for (let at = 0; at + BOX_HEAD_BYTES <= bytes.length; ) {
    kinds.add(bytes.toString('latin1', at + 4, at + BOX_HEAD_BYTES));
    const size = bytes.readUInt32BE(at);
    if (size < BOX_HEAD_BYTES) break; // 0: to the end of the file; 1: larger than any file that is read
    at += size;
  }
  return kinds;
}

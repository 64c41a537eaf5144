/** What the frame of a JPEG strip or tile says (ITU-T T.81, annex B), of which libtiff only warns. */

import type { Size } from '../rgb/geometry.js';

export interface JpegFrame extends Size {
  readonly progressive: boolean;
  /** Columns and rows of the first component's samples for one of the others'. */
  readonly sampling: readonly [across: number, down: number];
}

const MARKER = 0xff;
const PROGRESSIVE = 0xc2;
const SCAN = 0xda;
const END = Buffer.from([MARKER, 0xd9]);

/** Among the numbers of frames these are tables. */
const NO_FRAMES: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc]);

/** @throws Error where the segment does not begin with a frame, or has no end: libjpeg would invent the rest of it. */
export function readFrame(segment: Uint8Array): JpegFrame {
  const bytes = Buffer.from(segment.buffer, segment.byteOffset, segment.length);
  if (bytes.lastIndexOf(END) === -1) throw new Error('a JPEG strip or tile has no end');
  let at = 2; // after the marker of the start
  while (at + 4 <= bytes.length && bytes[at] === MARKER) {
    const marker = bytes.readUInt8(at + 1);
    if (marker === MARKER) {
      at += 1; // a filler
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.has(marker)) {
      const sampling = bytes.readUInt8(at + 11);
      return {
        height: bytes.readUInt16BE(at + 5),
        width: bytes.readUInt16BE(at + 7),
        progressive: marker === PROGRESSIVE,
        sampling: [sampling >> 4, sampling & 15],
      };
    }
    if (marker === SCAN) break;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  throw new Error('a JPEG strip or tile has no frame');
}

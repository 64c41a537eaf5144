/** EXIF and XMP of a WebP: chunks of its extended layout that the header announces (RFC 9649, 2.7). */

import type { EmbeddedBlocks } from './blocks.js';

/** `RIFF`, a size and `WEBP`; then chunks: a name and a size in 4 bytes each, and the data, filled up to an even number. */
const HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;

/** An animation has one for each frame; a hostile file can have empty ones. */
const MAX_CHUNKS = 1_000_000;

/** Bits of the first byte of `VP8X`. */
const HAS_EXIF = 0x08;
const HAS_XMP = 0x04;

/** As in libwebp's demuxer (src/demux/demux.c), the first chunk of a name counts, and none without its bit. */
export function readWebpBlocks(bytes: Buffer): EmbeddedBlocks {
  let flags: number | undefined;
  let exif: Buffer | undefined;
  let xmp: Buffer | undefined;
  for (let at = HEADER_BYTES, n = 0; at + CHUNK_HEADER_BYTES < bytes.length && n < MAX_CHUNKS; n += 1) {
    const name = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    const data = bytes.subarray(at + CHUNK_HEADER_BYTES, at + CHUNK_HEADER_BYTES + length);
    if (flags === undefined) {
      if (name !== 'VP8X') break;
      flags = data[0] as number;
    } else if (name === 'EXIF' && (flags & HAS_EXIF) !== 0) {
      exif ??= data;
    } else if (name === 'XMP ' && (flags & HAS_XMP) !== 0) {
      xmp ??= data;
    }
    at += CHUNK_HEADER_BYTES + length + (length % 2);
  }
  return { exif, xmp };
}

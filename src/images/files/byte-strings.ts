/**
 * File names are bytes, not text. Inside `src/image` a path is a *byte string*: one UTF-16 unit (0 to 255) per byte
 * (Latin-1), so that the ordinary string functions, `<` and glob matching work on any name, and `<` is byte order.
 */

import { isUtf8 } from 'node:buffer';

/** Longest UTF-8 sequence, in bytes. */
const MAX_SEQUENCE = 4;

/** Added to a byte's value it gives a character that is no byte and ends in the same byte. */
const HIDDEN = 0x100;

/** A path from the outside (UTF-8 text or raw bytes) as a byte string. */
export function toByteString(path: string | Uint8Array): string {
  return (
    typeof path === 'string' ? Buffer.from(path) : Buffer.from(path.buffer, path.byteOffset, path.length)
  ).toString('latin1');
}

/** What the file system is called with. */
export function toBuffer(byteString: string): Buffer {
  return Buffer.from(byteString, 'latin1');
}

/** For people and for output files: UTF-8 text, each byte that is not part of valid UTF-8 written as `\xNN`. */
export function toText(byteString: string): string {
  const bytes = toBuffer(byteString);
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text += length === 0 ? `\\x${bytes.toString('hex', at, at + 1)}` : bytes.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

/** Bytes of the valid UTF-8 sequence that starts at `at`, or 0. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= MAX_SEQUENCE && at + length <= bytes.length; length += 1) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/**
 * Line ends as characters beyond a byte: `.` in the regular expressions behind globs does not match line ends. What
 * becomes of the path as bytes stays the same, for `toBuffer` keeps the low byte of each character.
 */
export function hideLineEnds(byteString: string): string {
  return byteString.replace(/[\n\r]/g, (end) => String.fromCharCode(end.charCodeAt(0) + HIDDEN));
}

/** Undoes `hideLineEnds`. */
export function showLineEnds(byteString: string): string {
  return byteString.replace(/[\u010a\u010d]/g, (end) => String.fromCharCode(end.charCodeAt(0) - HIDDEN));
}

/** What the header of a WebP says that libvips does not pass on. */

/** Where the kind of the first chunk and the flags of an extended header are, in bytes (the WebP container's specification). */
const KIND = { start: 12, end: 16 };
const FLAGS = 20;

const ANIMATED = 0x02;
const HAS_ALPHA = 0x10;

/**
 * Whether this is an animation that says to have no transparency. libvips gives it some all the same, around a first frame
 * that is smaller than the canvas; Pillow has black there (src/PIL/WebPImagePlugin.py, mode `RGB`).
 */
export function isOpaqueAnimation(bytes: Buffer): boolean {
  const flags = bytes[FLAGS] ?? 0;
  return (
    bytes.toString('latin1', KIND.start, KIND.end) === 'VP8X' && (flags & ANIMATED) !== 0 && (flags & HAS_ALPHA) === 0
  );
}

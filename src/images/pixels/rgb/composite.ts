/**
 * Pixels of other colour modes to RGB, in the buffer in which they come: a picture of half a gigabyte is not copied. Each
 * takes the first bytes of `pixels` for the result, which it returns. A pixel has `channels` bytes, of which four count.
 */

import { inksToRgb, overWhite } from './blend.js';
import { CHANNELS } from './geometry.js';

/** Red, green, blue and opacity, over opaque white. */
export function rgbFromRgba(pixels: Uint8Array, channels: number): Uint8Array {
  let to = 0;
  for (let from = 0; from < pixels.length; from += channels) {
    const alpha = pixels[from + CHANNELS] as number;
    for (let c = 0; c < CHANNELS; c += 1) pixels[to + c] = overWhite(pixels[from + c] as number, alpha);
    to += CHANNELS;
  }
  return pixels.subarray(0, to);
}

/** Four inks, instead of libvips's colour-managed conversion, which gives other colours. */
export function rgbFromCmyk(pixels: Uint8Array, channels: number): Uint8Array {
  const count = pixels.length / channels;
  inksToRgb(pixels, 0, channels, count, pixels, 0);
  return pixels.subarray(0, count * CHANNELS);
}

/**
 * Pixels of other colour modes to RGB, in the buffer in which they come: a picture of half a gigabyte is not copied. Each
 * takes the first bytes of `pixels` for the result, which it returns. A pixel has `channels` bytes, of which four count.
 */

import { CHANNELS } from './geometry.js';

/** Red, green, blue and opacity over opaque white: Pillow's `alpha_composite` (src/libImaging/AlphaComposite.c). */
export function overWhite(pixels: Uint8Array, channels: number): Uint8Array {
  let to = 0;
  for (let from = 0; from < pixels.length; from += channels) {
    const alpha = pixels[from + CHANNELS] as number;
    const white = 255 * (255 - alpha);
    for (let c = 0; c < CHANNELS; c += 1) {
      pixels[to + c] = divideBy255((pixels[from + c] as number) * alpha + white);
    }
    to += CHANNELS;
  }
  return pixels.subarray(0, to);
}

/**
 * Pillow's `cmyk2rgb` (src/libImaging/Convert.c) instead of libvips's colour-managed conversion, which gives other
 * colours. Inks are bytes, 255 for full ink.
 */
export function rgbFromCmyk(pixels: Uint8Array, channels: number): Uint8Array {
  let to = 0;
  for (let from = 0; from < pixels.length; from += channels) {
    const white = 255 - (pixels[from + CHANNELS] as number);
    for (let c = 0; c < CHANNELS; c += 1) {
      pixels[to + c] = Math.max(0, white - divideBy255((pixels[from + c] as number) * white));
    }
    to += CHANNELS;
  }
  return pixels.subarray(0, to);
}

/** Pillow's `MULDIV255` for a product of two bytes. */
function divideBy255(product: number): number {
  const rounded = product + 128;
  return ((rounded >> 8) + rounded) >> 8;
}

/** Pillow's arithmetic on bytes, for colours that libvips converts otherwise. */

import { CHANNELS } from './geometry.js';

/** Pillow's `MULDIV255` (src/libImaging/ImagingUtils.h) for a product of two bytes. */
export function divideBy255(product: number): number {
  const rounded = product + 128;
  return ((rounded >> 8) + rounded) >> 8;
}

/** One colour of a pixel over opaque white: Pillow's `alpha_composite` (src/libImaging/AlphaComposite.c). */
export function overWhite(colour: number, alpha: number): number {
  return divideBy255(colour * alpha + 255 * (255 - alpha));
}

/**
 * `count` pixels of four inks, 255 for full ink, at `from`, with `samples` bytes from one to the next, as RGB at `to`:
 * Pillow's `cmyk2rgb` (src/libImaging/Convert.c).
 */
export function inksToRgb(
  inks: Uint8Array,
  from: number,
  samples: number,
  count: number,
  rgb: Uint8Array,
  to: number,
): void {
  for (let i = 0; i < count; i += 1) {
    const [ink, pixel] = [from + i * samples, to + i * CHANNELS];
    const white = 255 - (inks[ink + CHANNELS] as number);
    for (let c = 0; c < CHANNELS; c += 1) {
      rgb[pixel + c] = Math.max(0, white - divideBy255((inks[ink + c] as number) * white));
    }
  }
}

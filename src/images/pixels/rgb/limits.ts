/** What is refused before it takes memory. */

import { ImageError } from '../../../errors.js';
import type { Size } from './geometry.js';

/** @throws ImageError TOO_LARGE for more than `maxPixels` pixels, of the image or of a tile of it. */
export function checkSize(
  { width, height }: Size,
  maxPixels: number,
  what: 'the image' | 'a tile' = 'the image',
): void {
  if (width * height <= maxPixels) return;
  throw new ImageError(
    'TOO_LARGE',
    `Expected at most ${maxPixels} pixels but ${what} has ${width}x${height} = ${width * height}.`,
  );
}

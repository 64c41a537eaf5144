/** The two passes of a resize, which there are in plain JavaScript and in vectors. */

import type { Taps } from './taps.js';

export interface Passes {
  /** Horizontal: RGB rows of the span of `taps` become rows of one pixel for each of `taps`. */
  rows(pixels: Uint8Array, taps: Taps, result: Uint8Array): void;
  /** Vertical: rows of `stride` bytes, as many as the span of `taps` has, become one for each of `taps`. */
  columns(pixels: Uint8Array, taps: Taps, stride: number, result: Uint8Array): void;
}

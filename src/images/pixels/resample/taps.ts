/** The filter of Pillow's bilinear resize, of which each axis has its own: a triangle that widens with the reduction. */

/** The part of one axis of a resized image that is wanted. */
export interface Axis {
  /** Pixels before. */
  readonly from: number;
  /** Pixels after. */
  readonly to: number;
  /** First wanted pixel of the result. */
  readonly offset: number;
  /** Wanted pixels. */
  readonly length: number;
}

/** Source pixels that a stretch of the result depends on: `start` included, `end` not. */
export interface PixelRange {
  readonly start: number;
  readonly end: number;
}

/** Fixed-point fraction bits (`PRECISION_BITS`). */
export const PRECISION_BITS = 32 - 8 - 2;
const ONE = 2 ** PRECISION_BITS;

/** The filter of each wanted pixel: `count[i]` weights from the source pixel `first[i]` on. */
export interface Taps {
  readonly axis: Axis;
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Fixed point; those of pixel i begin at i * `most`. */
  readonly weights: Int32Array;
  readonly most: number;
}

/** The source pixels that all of `taps` together depend on. */
export function sourceRange({ first, count }: Taps): PixelRange {
  const last = first.length - 1;
  return { start: first[0] as number, end: (first[last] as number) + (count[last] as number) };
}

/** The number of source pixels that all of `taps` together depend on. */
export function widthOf(taps: Taps): number {
  const { start, end } = sourceRange(taps);
  return end - start;
}

/** `precompute_coeffs` and `normalize_coeffs_8bpc` with the triangle filter, whose support is 1 in the larger grid. */
export function tapsOf(axis: Axis): Taps {
  const { from, to, offset, length } = axis;
  const scale = from / to;
  const support = Math.max(1, scale);
  const perPixel = 1 / support; // a product, as in Pillow: a quotient may round to another weight
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * most);
  const filter = new Float64Array(most); // of one pixel: this runs for each image, and arrays of their own took longer
  for (let i = 0; i < length; i += 1) {
    const center = (offset + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let tap = 0; tap < end - start; tap += 1) {
      const weight = triangle((start + tap - center + 0.5) * perPixel);
      filter[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < end - start; tap += 1) {
      weights[i * most + tap] = Math.trunc(0.5 + ((filter[tap] as number) / sum) * ONE);
    }
    first[i] = start;
    count[i] = end - start;
  }
  return { axis, first, count, weights, most };
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

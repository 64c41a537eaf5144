/**
 * Pillow's bilinear resize, bit for bit: a triangle filter that widens with the reduction, in fixed point, the result of
 * the horizontal pass rounded to bytes (src/libImaging/Resample.c). Only the part that the crop needs is computed.
 */

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
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Fixed-point fraction bits (`PRECISION_BITS`). */
const PRECISION_BITS = 32 - 8 - 2;
const ONE = 2 ** PRECISION_BITS;
const HALF = ONE / 2;
const CHANNELS = 3;

/** The filter of each wanted pixel: `count[i]` weights from the source pixel `first[i]` on. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Fixed point; those of pixel i begin at i * `most`. */
  readonly weights: Int32Array;
  readonly most: number;
}

export function sourceSpan(axis: Axis): Span {
  return spanOf(tapsOf(axis));
}

/**
 * The wanted part of a resized image: `pixels` are RGB rows of the source's `sourceSpan(x)` by `sourceSpan(y)`; the result
 * is `y.length` rows of `x.length` RGB pixels.
 */
export function resample(pixels: Uint8Array, x: Axis, y: Axis): Uint8Array {
  const across = tapsOf(x);
  const down = tapsOf(y);
  const rows = spanOf(down);
  const narrow = resampleRows(pixels, across, rows.end - rows.start);
  return resampleColumns(narrow, down, x.length * CHANNELS);
}

/** Horizontal pass: `height` rows of the span of `taps` become rows of one RGB pixel for each of `taps`. */
function resampleRows(pixels: Uint8Array, taps: Taps, height: number): Uint8Array {
  const { first, count, weights, most } = taps;
  const { start, end } = spanOf(taps);
  const width = first.length;
  const sourceStride = (end - start) * CHANNELS;
  const result = scratch(height * width * CHANNELS);
  let target = 0;
  for (let row = 0; row < height; row += 1) {
    for (let i = 0; i < width; i += 1) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let source = row * sourceStride + ((first[i] as number) - start) * CHANNELS;
      const last = i * most + (count[i] as number);
      for (let tap = i * most; tap < last; tap += 1) {
        const weight = weights[tap] as number;
        r = (r + Math.imul(pixels[source] as number, weight)) | 0;
        g = (g + Math.imul(pixels[source + 1] as number, weight)) | 0;
        b = (b + Math.imul(pixels[source + 2] as number, weight)) | 0;
        source += CHANNELS;
      }
      result[target] = r >> PRECISION_BITS;
      result[target + 1] = g >> PRECISION_BITS;
      result[target + 2] = b >> PRECISION_BITS;
      target += CHANNELS;
    }
  }
  return result;
}

let kept = new Uint8Array(0);

/** Bytes between the passes, which run to their end undisturbed: one buffer serves all images. */
function scratch(length: number): Uint8Array {
  if (kept.length < length) kept = new Uint8Array(length);
  return kept;
}

/** Vertical pass over rows of `stride` bytes, three of them at a time: a reduction to two thirds needs no more. */
function resampleColumns(pixels: Uint8Array, taps: Taps, stride: number): Uint8Array {
  const { first, count, weights, most } = taps;
  const { start } = spanOf(taps);
  const height = first.length;
  const result = new Uint8Array(height * stride);
  const sums = new Int32Array(stride);
  for (let row = 0; row < height; row += 1) {
    const rows = count[row] as number;
    sums.fill(HALF);
    for (let tap = 0; tap < rows; tap += 3) {
      // Past the last row: that row again, with no weight.
      const at = (k: number) => ((first[row] as number) + Math.min(tap + k, rows - 1) - start) * stride;
      const weight = (k: number) => (tap + k < rows ? (weights[row * most + tap + k] as number) : 0);
      const [a, b, c] = [at(0), at(1), at(2)];
      const [wa, wb, wc] = [weight(0), weight(1), weight(2)];
      for (let i = 0; i < stride; i += 1) {
        sums[i] =
          (sums[i] as number) +
          Math.imul(pixels[a + i] as number, wa) +
          Math.imul(pixels[b + i] as number, wb) +
          Math.imul(pixels[c + i] as number, wc);
      }
    }
    const target = row * stride;
    for (let i = 0; i < stride; i += 1) result[target + i] = (sums[i] as number) >> PRECISION_BITS;
  }
  return result;
}

function spanOf({ first, count }: Taps): Span {
  const last = first.length - 1;
  return { start: first[0] as number, end: (first[last] as number) + (count[last] as number) };
}

/** `precompute_coeffs` and `normalize_coeffs_8bpc` with the triangle filter, whose support is 1 in the larger grid. */
function tapsOf({ from, to, offset, length }: Axis): Taps {
  const scale = from / to;
  const support = Math.max(1, scale);
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
      const weight = triangle((start + tap - center + 0.5) / support);
      filter[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < end - start; tap += 1) {
      weights[i * most + tap] = Math.trunc(0.5 + ((filter[tap] as number) / sum) * ONE);
    }
    first[i] = start;
    count[i] = end - start;
  }
  return { first, count, weights, most };
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Enlarging exactly as Pillow does; sharp aligns pixels differently there and is off by 10 to 15 of 255. */

/** The part of one axis of an enlarged image that is wanted. */
export interface Axis {
  /** Pixels before. */
  readonly from: number;
  /** Pixels after; at least `from`. */
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

/** Fixed-point fraction bits of Pillow's 8-bit resampling (`PRECISION_BITS` in src/libImaging/Resample.c). */
const PRECISION_BITS = 32 - 8 - 2;
const ONE = 2 ** PRECISION_BITS;
const HALF = ONE / 2;
const CHANNELS = 3;

/** For each wanted pixel the first of its two neighbours and their fixed-point weights. */
interface Taps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly weight1: Int32Array;
  readonly weight2: Int32Array;
}

export function sourceSpan(axis: Axis): Span {
  const { first, second } = tapsOf(axis);
  return { start: first[0] ?? 0, end: (second[axis.length - 1] ?? 0) + 1 };
}

/**
 * Bilinear enlargement of the wanted part: `pixels` are RGB rows of the source's `sourceSpan(x)` by `sourceSpan(y)`;
 * the result is `y.length` rows of `x.length` RGB pixels. Horizontal pass first, rounded to bytes in between, as in
 * Pillow's `ImagingResampleInner`.
 */
export function enlarge(pixels: Uint8Array, x: Axis, y: Axis): Uint8Array {
  const columns = sourceSpan(x);
  const rows = sourceSpan(y);
  const sourceStride = (columns.end - columns.start) * CHANNELS;
  const stride = x.length * CHANNELS;

  const across = tapsOf(x);
  const height = rows.end - rows.start;
  const wide = new Uint8Array(height * stride);
  for (let i = 0; i < x.length; i += 1) {
    const a = (at(across.first, i) - columns.start) * CHANNELS;
    const b = (at(across.second, i) - columns.start) * CHANNELS;
    const wa = at(across.weight1, i);
    const wb = at(across.weight2, i);
    for (let row = 0; row < height; row += 1) {
      const source = row * sourceStride;
      const target = row * stride + i * CHANNELS;
      for (let c = 0; c < CHANNELS; c += 1) {
        wide[target + c] = (at(pixels, source + a + c) * wa + at(pixels, source + b + c) * wb + HALF) >> PRECISION_BITS;
      }
    }
  }

  const down = tapsOf(y);
  const result = new Uint8Array(y.length * stride);
  for (let row = 0; row < y.length; row += 1) {
    const a = (at(down.first, row) - rows.start) * stride;
    const b = (at(down.second, row) - rows.start) * stride;
    const wa = at(down.weight1, row);
    const wb = at(down.weight2, row);
    const target = row * stride;
    for (let i = 0; i < stride; i += 1) {
      result[target + i] = (at(wide, a + i) * wa + at(wide, b + i) * wb + HALF) >> PRECISION_BITS;
    }
  }
  return result;
}

/**
 * `precompute_coeffs` of Resample.c with the triangle filter, whose support is 1 when enlarging: two neighbours, or
 * one (given twice, with weights 1 and 0) at the border.
 */
function tapsOf({ from, to, offset, length }: Axis): Taps {
  const taps: Taps = {
    first: new Int32Array(length),
    second: new Int32Array(length),
    weight1: new Int32Array(length),
    weight2: new Int32Array(length),
  };
  const scale = from / to;
  for (let i = 0; i < length; i += 1) {
    const center = (offset + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - 1 + 0.5));
    const second = Math.max(first, Math.min(from, Math.trunc(center + 1 + 0.5)) - 1);
    const near = triangle(first - center + 0.5);
    const far = second === first ? 0 : triangle(second - center + 0.5);
    taps.first[i] = first;
    taps.second[i] = second;
    taps.weight1[i] = Math.trunc(0.5 + (near / (near + far)) * ONE);
    taps.weight2[i] = Math.trunc(0.5 + (far / (near + far)) * ONE);
  }
  return taps;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Element of a typed array at an index that is known to lie inside. */
function at(array: Uint8Array | Int32Array, index: number): number {
  return array[index] as number;
}

/**
 * The two passes of `../vector-passes.ts`: AssemblyScript, which the build compiles to WebAssembly. Places, strides
 * and lengths are in bytes of the memory, which the caller lays out.
 *
 * A tap's weight has up to 23 bits, and the instruction that multiplies most at once takes 16: the low LOW_BITS of the
 * weights and the others are summed apart. The sums of both together stay below 2^31, so this is exact.
 *
 * Taps come in pairs, the last perhaps with a weight of 0. A pair has two words: the low parts of its weights, and the high.
 */

const PRECISION_BITS = 22;
const LOW_BITS = 11;
const HALF = 1 << (PRECISION_BITS - 1);
const CHANNELS: usize = 3;
/** Rows at a time: as many as there are registers for. */
const ROWS: usize = 4;
/** Bytes of a vector, which the vertical pass takes at a time. */
const VECTOR: usize = 16;
/** Bytes of a pair of taps. */
const PAIR: usize = 8;

/**
 * Horizontal pass: `rows` rows of RGB pixels, `stride` bytes each, four rows at a time, become rows of `width` pixels. The
 * words from `first` on say where in a row the taps of each pixel begin; it has `pairs` pairs of them, those of all pixels
 * one after the other from `weights` on.
 */
export function resampleRows(
  source: usize,
  stride: usize,
  rows: usize,
  first: usize,
  weights: usize,
  pairs: usize,
  width: usize,
  target: usize,
): void {
  const length = width * CHANNELS;
  for (let row: usize = 0; row < rows; row += ROWS) {
    let weight = weights;
    for (let i: usize = 0; i < width; i += 1) {
      let at = source + load<u32>(first + i * 4);
      let low0 = i32x4.splat(HALF);
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      let high0 = i32x4.splat(0);
      let high1 = high0;
      let high2 = high0;
      let high3 = high0;
      for (let pair: usize = 0; pair < pairs; pair += 1) {
        const low = v128.load32_splat(weight);
        const high = v128.load32_splat(weight, 4);
        let pixels = pairOf(at);
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pixels, low));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pixels, high));
        pixels = pairOf(at + stride);
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pixels, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pixels, high));
        pixels = pairOf(at + 2 * stride);
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pixels, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pixels, high));
        pixels = pairOf(at + 3 * stride);
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pixels, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pixels, high));
        weight += PAIR;
        at += 2 * CHANNELS;
      }
      const to = target + i * CHANNELS;
      const top = i16x8.narrow_i32x4_s(rounded(low0, high0), rounded(low1, high1));
      const bottom = i16x8.narrow_i32x4_s(rounded(low2, high2), rounded(low3, high3));
      const bytes = i8x16.narrow_i16x8_u(top, bottom);
      v128.store16_lane(to, bytes, 0);
      v128.store8_lane(to, bytes, 2, 2);
      v128.store16_lane(to + length, bytes, 2);
      v128.store8_lane(to + length, bytes, 6, 2);
      v128.store16_lane(to + 2 * length, bytes, 4);
      v128.store8_lane(to + 2 * length, bytes, 10, 2);
      v128.store16_lane(to + 3 * length, bytes, 6);
      v128.store8_lane(to + 3 * length, bytes, 14, 2);
    }
    source += ROWS * stride;
    target += ROWS * length;
  }
}

/** Two RGB pixels as 16-bit numbers r0 r1 g0 g1 b0 b1; what is in the last two comes to nothing. */
function pairOf(at: usize): v128 {
  return i8x16.shuffle(v128.load64_zero(at), i8x16.splat(0), 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
}

/** Sums to bytes, still 32 bits wide. */
function rounded(low: v128, high: v128): v128 {
  return i32x4.shr_s(i32x4.add(low, i32x4.shl(high, LOW_BITS)), PRECISION_BITS);
}

/**
 * Vertical pass: `rows` rows of `stride` bytes from a source whose rows are as long. The words from `first` on say where the
 * taps of each row begin, as above. Up to 15 bytes more are written behind the last row.
 */
export function resampleColumns(
  source: usize,
  stride: usize,
  rows: usize,
  first: usize,
  weights: usize,
  pairs: usize,
  target: usize,
): void {
  for (let row: usize = 0; row < rows; row += 1) {
    const top = source + load<u32>(first + row * 4);
    for (let column: usize = 0; column < stride; column += VECTOR) {
      let at = top + column;
      let weight = weights;
      let low0 = i32x4.splat(HALF);
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      let high0 = i32x4.splat(0);
      let high1 = high0;
      let high2 = high0;
      let high3 = high0;
      for (let pair: usize = 0; pair < pairs; pair += 1) {
        const low = v128.load32_splat(weight);
        const high = v128.load32_splat(weight, 4);
        const a = v128.load(at);
        const b = v128.load(at + stride);
        const left = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        let numbers = i16x8.extend_low_i8x16_u(left);
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(numbers, low));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(numbers, high));
        numbers = i16x8.extend_high_i8x16_u(left);
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(numbers, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(numbers, high));
        numbers = i16x8.extend_low_i8x16_u(right);
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(numbers, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(numbers, high));
        numbers = i16x8.extend_high_i8x16_u(right);
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(numbers, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(numbers, high));
        weight += PAIR;
        at += 2 * stride;
      }
      const first8 = i16x8.narrow_i32x4_s(rounded(low0, high0), rounded(low1, high1));
      const last8 = i16x8.narrow_i32x4_s(rounded(low2, high2), rounded(low3, high3));
      v128.store(target + column, i8x16.narrow_i16x8_u(first8, last8));
    }
    weights += pairs * PAIR;
    target += stride;
  }
}

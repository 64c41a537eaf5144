/** The passes in JavaScript, which take five times as long as `vector-passes.ts`. */

import { CHANNELS } from '../rgb/geometry.js';
import type { Passes } from './passes.js';
import { PRECISION_BITS, sourceRange, widthOf } from './taps.js';

const HALF = 2 ** (PRECISION_BITS - 1);

export const plainPasses: Passes = {
  rows(pixels, taps, result) {
    const { first, count, weights, most } = taps;
    const { start } = sourceRange(taps);
    const stride = widthOf(taps) * CHANNELS;
    let target = 0;
    for (let row = 0; row < pixels.length; row += stride) {
      for (let i = 0; i < first.length; i += 1) {
        let [r, g, b] = [HALF, HALF, HALF];
        let source = row + ((first[i] as number) - start) * CHANNELS;
        const last = i * most + (count[i] as number);
        for (let tap = i * most; tap < last; tap += 1) {
          const weight = weights[tap] as number;
          r += Math.imul(pixels[source] as number, weight);
          g += Math.imul(pixels[source + 1] as number, weight);
          b += Math.imul(pixels[source + 2] as number, weight);
          source += CHANNELS;
        }
        result[target] = r >> PRECISION_BITS;
        result[target + 1] = g >> PRECISION_BITS;
        result[target + 2] = b >> PRECISION_BITS;
        target += CHANNELS;
      }
    }
  },
  columns(pixels, taps, stride, result) {
    const { first, count, weights, most } = taps;
    const { start } = sourceRange(taps);
    const sums = new Int32Array(stride);
    for (let row = 0; row < first.length; row += 1) {
      sums.fill(HALF);
      for (let tap = 0; tap < (count[row] as number); tap += 1) {
        const weight = weights[row * most + tap] as number;
        const source = ((first[row] as number) - start + tap) * stride;
        for (let i = 0; i < stride; i += 1) {
          sums[i] = (sums[i] as number) + Math.imul(pixels[source + i] as number, weight);
        }
      }
      const target = row * stride;
      for (let i = 0; i < stride; i += 1) result[target + i] = (sums[i] as number) >> PRECISION_BITS;
    }
  },
};

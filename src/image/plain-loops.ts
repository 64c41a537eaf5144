/** `assembly/resample.ts` in JavaScript, which takes five times as long. */

import type { Loops } from './kernel.js';

const PRECISION_BITS = 22;
const LOW_BITS = 11;
const HALF = 1 << (PRECISION_BITS - 1);
const CHANNELS = 3;

export function plainLoops(memory: { readonly buffer: ArrayBuffer }): Loops {
  return {
    resampleRows(source, stride, rows, first, weights, pairs, width, target) {
      const bytes = new Uint8Array(memory.buffer);
      const begins = new Int32Array(memory.buffer, first, width);
      const taps = whole(new Int32Array(memory.buffer, weights, width * pairs * 2));
      let to = target;
      for (let row = 0; row < rows; row += 1) {
        let tap = 0;
        for (let i = 0; i < width; i += 1) {
          let [r, g, b] = [HALF, HALF, HALF];
          let at = source + row * stride + (begins[i] as number);
          for (const end = tap + 2 * pairs; tap < end; tap += 1) {
            const weight = taps[tap] as number;
            r += Math.imul(bytes[at] as number, weight);
            g += Math.imul(bytes[at + 1] as number, weight);
            b += Math.imul(bytes[at + 2] as number, weight);
            at += CHANNELS;
          }
          bytes[to] = r >> PRECISION_BITS;
          bytes[to + 1] = g >> PRECISION_BITS;
          bytes[to + 2] = b >> PRECISION_BITS;
          to += CHANNELS;
        }
      }
    },
    resampleColumns(source, stride, rows, first, weights, pairs, target) {
      const bytes = new Uint8Array(memory.buffer);
      const begins = new Int32Array(memory.buffer, first, rows);
      const taps = whole(new Int32Array(memory.buffer, weights, rows * pairs * 2));
      const sums = new Int32Array(stride);
      for (let row = 0; row < rows; row += 1) {
        sums.fill(HALF);
        for (let tap = 0; tap < 2 * pairs; tap += 1) {
          const weight = taps[row * 2 * pairs + tap] as number;
          const at = source + (begins[row] as number) + tap * stride;
          for (let i = 0; i < stride; i += 1) {
            sums[i] = (sums[i] as number) + Math.imul(bytes[at + i] as number, weight);
          }
        }
        const to = target + row * stride;
        for (let i = 0; i < stride; i += 1) bytes[to + i] = (sums[i] as number) >> PRECISION_BITS;
      }
    },
  };
}

/** The weights of taps out of the words of their pairs. */
function whole(words: Int32Array): Int32Array {
  const taps = new Int32Array(words.length);
  for (let pair = 0; pair < words.length; pair += 2) {
    const [low, high] = [words[pair] as number, words[pair + 1] as number];
    taps[pair] = (low & 0xffff) + ((high & 0xffff) << LOW_BITS);
    taps[pair + 1] = (low >>> 16) + ((high >>> 16) << LOW_BITS);
  }
  return taps;
}

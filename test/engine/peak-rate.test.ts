import { expect, test } from 'vitest';
import { measurePeak } from '../../src/engine/peak-rate.js';
import type { Precision } from '../../src/network/precision.js';

/** Operations a second: slower than any processor of this century, and faster than any. */
const [SLOWEST, FASTEST] = [1e8, 1e17];

// Each product is checked inside to be the one of these matrices.
test.each<Precision>(['f32', 'bf16', 'int8'])('large matrices in %s are multiplied at some rate', (precision) => {
  const peak = measurePeak({ precision, threads: 2 });
  expect(peak).toBeGreaterThan(SLOWEST);
  expect(peak).toBeLessThan(FASTEST);
});

import { expect, it } from 'vitest';
import { fillRandom } from '../../../src/formats/weights/random.js';
import { quantizeKernel } from '../../../src/models/quantize/kernel.js';

const UNITS = 5;

it('is at most half a step off, and the largest weight of each output channel is 127 steps', () => {
  const kernel = new Float32Array(300 * UNITS);
  fillRandom(kernel, { kind: 'random', seed: 1, stream: 0, bound: 1 });
  for (let at = 0; at < kernel.length; at++) kernel[at] = (kernel[at] as number) * 10 ** (at % UNITS);
  const { integers, scale } = quantizeKernel(kernel, UNITS);
  const largest = Array.from({ length: UNITS }, () => 0);
  for (const [at, weight] of kernel.entries()) {
    const step = scale[at % UNITS] as number;
    expect(Math.abs(weight - (integers[at] as number) * step)).toBeLessThanOrEqual(0.5001 * step);
    largest[at % UNITS] = Math.max(largest[at % UNITS] as number, Math.abs(integers[at] as number));
  }
  expect(largest).toEqual([127, 127, 127, 127, 127]);
  expect(Math.round((scale[3] as number) / (scale[2] as number))).toBe(10);
});

it('gives a channel of zeros a scale that divides', () => {
  expect(quantizeKernel(Float32Array.of(0, 2, 0, -1), 2)).toEqual({
    integers: Int8Array.of(0, 127, 0, -64),
    scale: Float32Array.of(1, 2 / 127),
  });
});

import { describe, expect, it } from 'vitest';
import { fillRandom } from '../../../src/formats/weights/random.js';
import { ActivationHistogram } from '../../../src/models/quantize/calibration.js';

/** Like what a ReLU gives: half zeros, the rest with a long tail. */
function activations(count: number, seed: number, scale = 1): Float32Array {
  const values = new Float32Array(count);
  fillRandom(values, { kind: 'random', seed, stream: 0, bound: 1 });
  return values.map((value) => (value < 0 ? 0 : scale * (1 / (1.02 - value) - 1 / 1.02)));
}

function histogramOf(...parts: readonly Float32Array[]): ActivationHistogram {
  const histogram = new ActivationHistogram();
  for (const part of parts) histogram.add(part);
  return histogram;
}

const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b), 0);

/** Mean squared error of rounding to 255 steps of a range, value by value. */
function errorOf(values: Float32Array, range: number): number {
  const step = range / 255;
  return values.reduce((sum, x) => sum + (x - step * Math.min(255, Math.round(x / step))) ** 2, 0) / values.length;
}

describe('ranges of activations', () => {
  const few = activations(20_000, 1);
  const more = activations(20_000, 2, 3);

  it('max is the largest of all that was added, in any order', () => {
    const expected = Math.max(largest(few), largest(more));
    expect(histogramOf(few, more).range('max')).toBe(expected);
    expect(histogramOf(more, few).range('max')).toBe(expected);
  });

  it('percentile leaves one in ten thousand above it', () => {
    const all = Float32Array.from([...few, ...more]).sort();
    const exact = all[Math.floor(0.9999 * all.length)] as number;
    const found = histogramOf(few, more).range('percentile');
    expect(Math.abs(found - exact) / exact).toBeLessThan(0.05);
    expect(all.filter((value) => value > found).length).toBeLessThanOrEqual(6);
  });

  it('mse has no larger error than any range that was tried value by value, to one percent', () => {
    const all = Float32Array.from([...few, ...more]);
    const best = Math.min(...Array.from({ length: 140 }, (_, i) => errorOf(all, largest(all) * (0.3 + i / 200))));
    const found = histogramOf(few, more).range('mse');
    expect(errorOf(all, found)).toBeLessThanOrEqual(1.01 * best);
    expect(found).toBeLessThan(largest(all));
  });

  it('does not depend on how the bins had to grow', () => {
    const huge = activations(20_000, 3, 1000);
    const [a, b] = [histogramOf(few, huge), histogramOf(huge, few)];
    for (const method of ['max', 'percentile', 'mse'] as const) {
      expect(Math.abs(a.range(method) - b.range(method)) / b.range(method), method).toBeLessThan(0.02);
    }
  });

  it('counts some of many and still finds the largest', () => {
    const many = activations(3_000_001, 4);
    many[1_234_567] = 500;
    expect(histogramOf(many).range('max')).toBe(500);
    const exact = [...many].sort((a, b) => a - b)[Math.floor(0.9999 * many.length)] as number;
    expect(Math.abs(histogramOf(many).range('percentile') - exact) / exact).toBeLessThan(0.1);
  });

  it('is 0 for a layer that is never above 0', () => {
    for (const method of ['max', 'percentile', 'mse'] as const) {
      expect(histogramOf(new Float32Array(10)).range(method)).toBe(0);
      expect(histogramOf(Float32Array.of(-1, -2)).range(method)).toBe(0);
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %s', (value) => {
    expect(() => histogramOf(Float32Array.of(1, value, 2))).toThrow('Expected finite activations');
  });
});

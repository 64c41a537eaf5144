import { describe, expect, it } from 'vitest';
import { percentile, percentiles } from '../../../../src/services/benchmark/report/statistics.js';

describe('percentile', () => {
  // Expected: numpy.percentile(values, percent) of NumPy 2.
  it.each([
    [[7], 50, 7],
    [[1, 2], 50, 1.5],
    [[4, 1, 3, 2], 25, 1.75],
    [[15, 20, 35, 40, 50], 40, 29],
    [[15, 20, 35, 40, 50], 90, 46],
    [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], 99, 8.7],
    [[10, 30, 20], 0, 10],
    [[10, 30, 20], 100, 30],
  ])('of %j at %d is %d', (values, percent, expected) => {
    expect(percentile(values, percent)).toBeCloseTo(expected, 12);
  });

  it('sorts by value, not by text, and leaves the list as it was', () => {
    const values = [100, 9, 20];
    expect(percentile(values, 50)).toBe(20);
    expect(values).toEqual([100, 9, 20]);
  });

  it('gives the three that are reported', () => {
    expect(percentiles(Array.from({ length: 101 }, (_, i) => i))).toEqual({ p50: 50, p90: 90, p99: 99 });
  });

  it('refuses an empty list', () => {
    expect(() => percentile([], 50)).toThrow('Expected at least one value');
  });
});

import { describe, expect, it } from 'vitest';
import { outputDifferences } from '../../../../src/services/model/comparison/differences.js';

describe('outputDifferences', () => {
  it('gives the largest, the mean, and the largest magnitude of the first', () => {
    const found = outputDifferences(Float32Array.of(1, -4, 2), Float32Array.of(1, -3.5, 3), true, 2);
    expect(found).toEqual({
      maxDiff: 1,
      meanDiff: 0.5,
      largest: 4,
      classes: { first: 2, second: 2, topK: 1 },
    });
  });

  it.each([0, 1, 2])('is NaN where value %i is', (at) => {
    const values = Float32Array.of(1, 2, 3);
    expect(outputDifferences(values, values.with(at, Number.NaN), false, 1).maxDiff).toBeNaN();
  });
});

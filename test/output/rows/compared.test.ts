import { describe, expect, it } from 'vitest';
import { AgreementSum, type ComparedRow } from '../../../src/output/rows/compared.js';
import { differences } from '../../../src/services/model/compare.js';

const row = (path: string, maxDiff: number): ComparedRow => ({
  path,
  index: 0,
  identity: '',
  status: 'ok',
  maxDiff,
  meanDiff: maxDiff,
  largest: 2,
  classes: null,
});

describe('differences', () => {
  it('gives the largest, the mean, and the largest magnitude of the first', () => {
    const found = differences(Float32Array.of(1, -4, 2), Float32Array.of(1, -3.5, 3), true, 2);
    expect(found).toEqual({
      maxDiff: 1,
      meanDiff: 0.5,
      largest: 4,
      classes: { first: 2, second: 2, topK: 1 },
    });
  });

  it.each([0, 1, 2])('is NaN where value %i is', (at) => {
    const values = Float32Array.of(1, 2, 3);
    expect(differences(values, values.with(at, Number.NaN), false, 1).maxDiff).toBeNaN();
  });
});

describe('AgreementSum', () => {
  it.each([0, 1, 2])('stays NaN once an image is, at place %i', (at) => {
    const sum = new AgreementSum();
    [1, 2, 3].forEach((diff, i) => {
      sum.add(row(String(i), i === at ? Number.NaN : diff));
    });
    expect(sum.result()).toMatchObject({ maxDiff: Number.NaN, relativeDiff: Number.NaN, worst: String(at) });
  });

  it('names the image with the largest difference, as a share of the largest output', () => {
    const sum = new AgreementSum();
    for (const [path, diff] of [
      ['a', 0.5],
      ['b', 1],
      ['c', 0.1],
    ] as const)
      sum.add(row(path, diff));
    expect(sum.result()).toMatchObject({ images: 3, maxDiff: 1, relativeDiff: 0.5, worst: 'b', top1: null });
  });
});

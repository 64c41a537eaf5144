import { describe, expect, it } from 'vitest';
import { AgreementSum, type ComparedRow } from '../../../src/output/rows/compared.js';

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

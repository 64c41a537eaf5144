import { describe, expect, it } from 'vitest';
import { permute } from '../../../src/formats/shared/permute.js';

/** numpy.transpose, one element at a time. */
function expected(values: Float32Array, shape: readonly number[], permutation: readonly number[]): Float32Array {
  const outShape = permutation.map((axis) => shape[axis] as number);
  return values.map((_, at) => {
    const place: number[] = [];
    let rest = at;
    for (let axis = outShape.length - 1; axis >= 0; axis--) {
      place[permutation[axis] as number] = rest % (outShape[axis] as number);
      rest = Math.floor(rest / (outShape[axis] as number));
    }
    return values[shape.reduce((index, size, axis) => index * size + (place[axis] as number), 0)] as number;
  });
}

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)]),
  );
}

describe('permute', () => {
  it.each([[[7]], [[5, 130]], [[3, 1, 70]], [[66, 2, 67]], [[2, 3, 4, 5]], [[1, 3, 1, 65]], [[1, 1]], [[0, 3]]])(
    'is numpy.transpose for every order of the axes of %j',
    (shape) => {
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
      for (const permutation of permutations(shape.length)) {
        expect(permute(values, shape, permutation), String(permutation)).toEqual(expected(values, shape, permutation));
      }
    },
  );
});

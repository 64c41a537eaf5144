/** Shapes of arrays: [rows, columns, …]. */

/** Numbers in an array of `shape`; one where there are no axes. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Transposition of arrays that are too large for one pass through memory to be fast without thought. */

/** Rows and columns of a tile: two of them as float32 fit a processor's first cache. */
const TILE = 64;

/**
 * A copy of `values`, an array of `shape` in row-major order, whose axis `k` is axis `permutation[k]` of the original: as
 * numpy.transpose and tf.transpose.
 */
export function permute(
  values: Float32Array,
  shape: readonly number[],
  permutation: readonly number[],
): Float32Array<ArrayBuffer> {
  const { sizes, order } = merged(shape, permutation);
  const rank = sizes.length;
  const inStrides = stridesOf(sizes);
  const outSizes = order.map((axis) => sizes[axis] as number);
  const outStrides = stridesOf(outSizes);
  const out = new Float32Array(values.length);
  if (values.length === 0) return out;
  if (rank === 1) {
    out.set(values);
    return out;
  }
  // The axis that is consecutive in the input, and the one that is in the output; in tiles of both.
  const inFast = rank - 1;
  const outFast = order[rank - 1] as number;
  const outStrideOf = (axis: number) => outStrides[order.indexOf(axis)] as number;
  const others = sizes.map((_, axis) => axis).filter((axis) => axis !== inFast && axis !== outFast);
  const [columns, rows] = [sizes[inFast] as number, sizes[outFast] as number];
  const rowStride = inStrides[outFast] as number;
  const columnStride = outStrideOf(inFast);
  const tile = (from: number, to: number) => {
    if (inFast === outFast) {
      for (let c = 0; c < columns; c++) out[to + c] = values[from + c] as number;
      return;
    }
    for (let r0 = 0; r0 < rows; r0 += TILE) {
      const r1 = Math.min(r0 + TILE, rows);
      for (let c0 = 0; c0 < columns; c0 += TILE) {
        const c1 = Math.min(c0 + TILE, columns);
        for (let c = c0; c < c1; c++) {
          const target = to + c * columnStride;
          const source = from + c;
          for (let r = r0; r < r1; r++) out[target + r] = values[source + r * rowStride] as number;
        }
      }
    }
  };
  const walk = (depth: number, from: number, to: number): void => {
    const axis = others[depth];
    if (axis === undefined) {
      tile(from, to);
      return;
    }
    const [inStride, outStride] = [inStrides[axis] as number, outStrideOf(axis)];
    for (let i = 0; i < (sizes[axis] as number); i++) walk(depth + 1, from + i * inStride, to + i * outStride);
  };
  walk(0, 0, 0);
  return out;
}

/** The same transposition with axes that stay neighbours made one, and those of one element left out. */
function merged(shape: readonly number[], permutation: readonly number[]): { sizes: number[]; order: number[] } {
  const groups: number[][] = [];
  for (const axis of permutation) {
    if (shape[axis] === 1) continue;
    const last = groups.at(-1);
    const previous = last?.at(-1);
    // Axes of one element between two neighbours do not part them.
    const next = previous === undefined ? -1 : shape.findIndex((size, i) => i > previous && size !== 1);
    if (last !== undefined && next === axis) last.push(axis);
    else groups.push([axis]);
  }
  if (groups.length === 0) return { sizes: [1], order: [0] };
  const byInput = [...groups].sort((a, b) => (a[0] as number) - (b[0] as number));
  return {
    sizes: byInput.map((group) => group.reduce((product, axis) => product * (shape[axis] as number), 1)),
    order: groups.map((group) => byInput.indexOf(group)),
  };
}

function stridesOf(sizes: readonly number[]): number[] {
  const strides = new Array<number>(sizes.length);
  let stride = 1;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= sizes[axis] as number;
  }
  return strides;
}

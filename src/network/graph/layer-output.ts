/**
 * From a layer's activations to what a request reads of them: pooled, normalised, as float32 or float16. From two
 * images on, one's result has the same bits in any batch: `Session` runs no fewer.
 */

import { elementCount } from '../../shape.js';
import type { Layer } from '../architecture.js';
import { isPooled } from '../layer-names.js';
import type { LayerOutput } from '../output-request.js';
import { cast, DType, type GraphBuilder, type Node, pad, reduce, reshape } from './builder.js';

/** Norms below it count as it, so that a row of zeros stays zeros: `torch.nn.functional.normalize`. */
const MIN_NORM = 1e-12;

export interface BuiltOutput {
  readonly node: Node;
  /** Shape of a row of float16 numbers, which `node` gives as int32, packed; `undefined`: `node` gives float32. */
  readonly half: readonly number[] | undefined;
}

/** Adds the nodes that make an output of `x`, the float32 activations of `layer` [N, …output shape]. */
export function layerOutput(g: GraphBuilder, request: LayerOutput, layer: Layer, x: Node): BuiltOutput {
  const { name, outputShape } = layer;
  const pooled = isPooled(request, outputShape);
  const shape = pooled ? outputShape.slice(-1) : outputShape;

  let y = x; // [N, h, w, c] or [N, units]
  if (pooled) y = poolPositions(g, `${name}/pooled`, y, request.pool === 'avg' ? 'Mean' : 'Max'); // [N, c]
  if (request.normalize === 'l2') y = normalise(g, `${name}/normalised`, y, shape); // [N, …shape]
  if (request.dtype !== 'f16') return { node: y, half: undefined };
  return { node: packHalves(g, `${name}/half`, y, shape), half: shape }; // [N, half the numbers]
}

/** Over columns, then over rows: at most 224 numbers in a sum, not 50,176, which is up to 200 times closer in float32. */
function poolPositions(g: GraphBuilder, name: string, x: Node, op: 'Mean' | 'Max'): Node {
  const rows = reduce(g, op, `${name}/columns`, x, 2); // [N, h, c]
  return reduce(g, op, `${name}/rows`, rows, 1); // [N, c]
}

/** Divides each image's numbers by their Euclidean norm. */
function normalise(g: GraphBuilder, name: string, x: Node, shape: readonly number[]): Node {
  const float = { T: { type: DType.float32 } };
  const squares = g.node('Square', `${name}/squares`, [x], float);
  const flat = reshape(g, `${name}/flat`, squares, [-1, elementCount(shape)], DType.float32); // [N, numbers]
  const root = g.node('Sqrt', `${name}/root`, [reduce(g, 'Sum', `${name}/sum`, flat, 1)], float); // [N]
  const least = g.constant(`${name}/least`, DType.float32, MIN_NORM);
  const norm = g.node('Maximum', `${name}/norm`, [root, least], float);
  const column = reshape(g, `${name}/column`, norm, [-1, ...shape.map(() => 1)], DType.float32); // [N, 1, …]
  return g.node('RealDiv', name, [x, column], float);
}

/** Float16, two numbers in an int32, because tfjs-node reads no 16-bit type: [N, (numbers + 1) / 2]. */
function packHalves(g: GraphBuilder, name: string, x: Node, shape: readonly number[]): Node {
  const half = cast(g, name, x, DType.float32, DType.half);
  const length = elementCount(shape);
  const rows = reshape(g, `${name}/rows`, half, [-1, length], DType.half);
  const even = length % 2 === 0 ? rows : pad(g, `${name}/even`, rows, [0, 1], DType.half);
  const pairs = reshape(g, `${name}/pairs`, even, [-1, evenLength(shape) / 2, 2], DType.half);
  return g.node('Bitcast', `${name}/bits`, [pairs], { T: { type: DType.half }, type: { type: DType.int32 } });
}

/** The bits of the numbers that `packHalves` packed, `shape` that of a row. Copies them only if their number is odd. */
export function unpackHalves(packed: Int32Array, shape: readonly number[]): Uint16Array {
  const bits = new Uint16Array(packed.buffer, packed.byteOffset, packed.length * 2);
  const [length, stored] = [elementCount(shape), evenLength(shape)];
  if (length === stored) return bits;
  const rows = new Uint16Array((bits.length / stored) * length);
  for (let row = 0; row * stored < bits.length; row += 1) {
    rows.set(bits.subarray(row * stored, row * stored + length), row * length);
  }
  return rows;
}

function evenLength(shape: readonly number[]): number {
  return Math.ceil(elementCount(shape) / 2) * 2;
}

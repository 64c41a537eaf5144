/**
 * A · B · B · … as a graph: large matrix products and nothing else. Each matrix is filled with one number, which is fed, so
 * that nothing can be computed beforehand and no matrix has to be copied in; one element of the result comes out.
 */

import type { Precision } from '../precision.js';
import { cast, DType, GraphBuilder, type Node, reshape } from './builder.js';
import { asQuantized, dequantized, MAX_ACTIVATION, type Quantized, quantizedConvolution } from './quantized-nodes.js';

export interface ProductGraph {
  readonly savedModel: Uint8Array;
  /** What to feed: float32 scalars. The result is 1 then, whatever the precision. */
  readonly feeds: Readonly<Record<string, number>>;
  /** The tensor to fetch, one float32. */
  readonly result: Node;
}

/** `products` products, each of the one before with a matrix [size, size]; `size` is a power of two. */
export function productGraph(precision: Precision, size: number, products: number): ProductGraph {
  const g = new GraphBuilder();
  const a = g.node('Placeholder', 'a', [], SCALAR);
  const b = g.node('Placeholder', 'b', [], SCALAR);
  if (precision === 'int8') {
    const result = int8Products(g, { a, b, size, products });
    return { savedModel: g.savedModel({}), feeds: { a: MAX_ACTIVATION, b: 1 }, result };
  }
  const type = precision === 'bf16' ? DType.bfloat16 : DType.float32;
  const factor = filled(g, 'factor', b, [size, size], type);
  let x = filled(g, 'first', a, [size, size], type);
  for (let i = 0; i < products; i += 1) x = g.node('MatMul', `product${i}`, [x, factor], { T: { type } });
  const result = cast(g, 'result', corner(g, x, [0, 0], type), type, DType.float32); // [1, 1]
  // A power of two: 1 / size is exact in every type, and the sum of size of them is 1.
  return { savedModel: g.savedModel({}), feeds: { a: 1, b: 1 / size }, result };
}

const SCALAR = { dtype: { type: DType.float32 }, shape: { shape: [] } };

function filled(g: GraphBuilder, name: string, value: Node, shape: readonly number[], type: DType): Node {
  const typed = cast(g, `${name}/value`, value, DType.float32, type);
  const dims = g.constant(`${name}/shape`, DType.int32, shape);
  return g.node('Fill', name, [dims, typed], { T: { type }, index_type: { type: DType.int32 } });
}

/** The first element, of as many axes as `begin` has. */
function corner(g: GraphBuilder, x: Node, begin: readonly number[], type: DType): Node {
  const start = g.constant('corner/begin', DType.int32, begin);
  const size = g.constant(
    'corner/size',
    DType.int32,
    begin.map(() => 1),
  );
  return g.node('Slice', 'corner', [x, start, size], { T: { type }, Index: { type: DType.int32 } });
}

interface Int8Products {
  readonly a: Node;
  readonly b: Node;
  readonly size: number;
  readonly products: number;
}

/**
 * As the network has them in int8 (see int8.ts): a 1x1 convolution over size x 1 positions, uint8 times int8. The weights
 * are 1, because without VNNI sums of two products are cut off at 16 bits.
 */
function int8Products(g: GraphBuilder, { a, b, size, products }: Int8Products): Node {
  const float = (name: string, values: number | readonly number[]) => g.constant(name, DType.float32, values);
  const kernel = asQuantized(g, 'kernel', filled(g, 'factor', b, [1, 1, size, size], DType.int8), 'int8');
  const bytes = filled(g, 'first', a, [size, size], DType.uint8);
  const rows = reshape(g, 'first/rows', bytes, [1, size, 1, size], DType.uint8);
  const [zero, one] = [float('zero', 0), float('one', 1)];
  const each = (value: number) => Array.from({ length: size }, () => value);
  const bias = float('bias', each(0));
  // A weight of 1 is worth 1 / size, an activation of 255 is worth 1.
  const scale = each(1 / size);
  let x: Quantized = { node: asQuantized(g, 'activations', rows, 'uint8'), min: zero, max: one }; // [1, size, 1, size]
  for (let i = 0; i < products; i += 1) {
    x = quantizedConvolution(g, `product${i}`, { x, kernel, scale, bias, padding: 'VALID', zero, range: one });
  }
  return dequantized(g, 'result', { ...x, node: corner(g, x.node, [0, 0, 0, 0], DType.quint8) }); // [1, 1, 1, 1]
}

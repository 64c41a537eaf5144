/** Weights on their way into the graph: as their file has them, so that no loop in JavaScript touches one. */

import { elementCount } from '../../shape.js';
import type { FloatFeed, WeightPart, Weights } from '../tensors.js';
import { DType, type GraphBuilder, type Node } from './builder.js';

/** One tensor that fills a variable, in the axis order of its source. */
export interface Feed {
  /** `conv1_1/kernel` */
  readonly name: string;
  readonly layer: string;
  readonly part: WeightPart;
  /** Of its numbers. */
  readonly shape: readonly number[];
  /** `i8`: integers in steps of the layer's scale. */
  readonly type: FloatFeed | 'i8';
  /**
   * Takes float32 numbers, int8 as uint8, or the bytes of the others: uint8 with one more axis, the bytes of a number.
   * `null` where the graph takes the tensor out of its file by itself.
   */
  readonly value: Node | null;
  /** Gives int32 1 when the sum of all numbers is finite, once the variable is assigned. */
  readonly finiteSum: Node;
  /** Gives int32 1 when all numbers are finite. */
  readonly finite: Node;
}

/** How a tensor comes in. */
export interface Incoming {
  readonly type: FloatFeed;
  /** Where it lies in the mapped file, in bytes; fed where it is not there. */
  readonly offset?: number;
}

/** How the weights of a layer come in. */
export interface StoredForm {
  readonly layout: Weights[string]['layout'];
  readonly kernel: Incoming;
  readonly bias: Incoming;
  /** Where the int8 kernel lies in the mapped file, in bytes. */
  readonly integers?: number;
}

/** A file that TensorFlow maps into memory: processes that use the same share it. */
export interface MappedFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

/** Bytes of a number, and its type in TensorFlow. */
const TYPES: Readonly<Record<Feed['type'], readonly [bytes: number, dtype: DType]>> = {
  f32: [4, DType.float32],
  f16: [2, DType.half],
  bf16: [2, DType.bfloat16],
  i8: [1, DType.qint8],
};

export interface TensorNodes {
  /** Takes the tensor; `null` where it is mapped. */
  readonly value: Node | null;
  /** Has the tensor's shape and the type of `dtype`. */
  readonly numbers: Node;
  readonly dtype: DType;
}

/** The nodes that take a tensor as it is fed. */
export function feedNodes(g: GraphBuilder, name: string, shape: readonly number[], type: Feed['type']): TensorNodes {
  const [bytes, dtype] = TYPES[type];
  if (type === 'f32') {
    const value = g.node('Placeholder', `${name}/value`, [], { dtype: { type: dtype }, shape: { shape } });
    return { value, numbers: value, dtype };
  }
  const attributes = { dtype: { type: DType.uint8 }, shape: { shape: bytes === 1 ? shape : [...shape, bytes] } };
  const value = g.node('Placeholder', `${name}/value`, [], attributes);
  return { value, numbers: bitcast(g, `${name}/numbers`, value, dtype), dtype };
}

/** A file's bytes, uint8 [bytes]: mapped, not read. */
export function mappedBytes(g: GraphBuilder, { path, bytes }: MappedFile): Node {
  return g.node('ImmutableConst', 'file', [], {
    dtype: { type: DType.uint8 },
    shape: { shape: [bytes] },
    memory_region_name: { text: path },
    // Else TensorFlow folds what does not change into constants and copies half a gigabyte for it. An empty list does
    // nothing else: tensorflow/core/common_runtime/constant_folding.cc, IsConstantFoldable.
    _scoped_allocator: { ints: [] },
  });
}

/** The nodes that take a tensor out of a mapped file; where it begins at a multiple of 64 bytes, without a copy. */
export function mappedNodes(
  g: GraphBuilder,
  name: string,
  shape: readonly number[],
  type: Feed['type'],
  file: Node,
  offset: number,
): TensorNodes {
  const [bytes, dtype] = TYPES[type];
  const length = elementCount(shape) * bytes;
  const begin = g.constant(`${name}/begin`, DType.int32, [offset]);
  const size = g.constant(`${name}/size`, DType.int32, [length]);
  const types = { T: { type: DType.uint8 }, Index: { type: DType.int32 } };
  const slice = g.node('Slice', `${name}/slice`, [file, begin, size], types);
  const dims = g.constant(`${name}/dims`, DType.int32, bytes === 1 ? shape : [...shape, bytes]);
  const reshaped = { T: { type: DType.uint8 }, Tshape: { type: DType.int32 } };
  const shaped = g.node('Reshape', `${name}/bytes`, [slice, dims], reshaped);
  return { value: null, numbers: bitcast(g, `${name}/numbers`, shaped, dtype), dtype };
}

function bitcast(g: GraphBuilder, name: string, x: Node, type: DType): Node {
  return g.node('Bitcast', name, [x], { T: { type: DType.uint8 }, type: { type } });
}

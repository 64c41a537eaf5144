/** The layers of VGG-16 as nodes: Simonyan and Zisserman (2014), configuration D. */

import type { Activation } from '../output-request.js';
import { DType, type GraphBuilder, type Node } from './builder.js';

/** A layer before and after its ReLU; the same node twice where it has none. */
export type Sides = Readonly<Record<Activation, Node>>;

export interface WeightedLayer {
  /** The paper's. */
  readonly name: string;
  /** [3, 3, in, out] or [in, out] */
  readonly kernel: Node;
  /** [out] */
  readonly bias: Node;
  /** Of both, and of what the layer computes. */
  readonly dtype: DType;
}

/** [N, h, w, in] to [N, h, w, out]. */
export function convolution(g: GraphBuilder, layer: WeightedLayer, x: Node): Sides {
  const y = g.node('Conv2D', layer.name, [x, layer.kernel], {
    T: { type: layer.dtype },
    strides: { ints: [1, 1, 1, 1] },
    padding: { text: 'SAME' },
    data_format: { text: 'NHWC' },
  });
  return biasRelu(g, layer, y);
}

/** [N, h, w, c] to [N, h / 2, w / 2, c], rounded down. */
export function maxPool(g: GraphBuilder, name: string, x: Node, dtype: DType): Sides {
  const y = g.node('MaxPool', name, [x], {
    T: { type: dtype },
    ksize: { ints: [1, 2, 2, 1] },
    strides: { ints: [1, 2, 2, 1] },
    padding: { text: 'VALID' },
  });
  return { pre: y, post: y };
}

/** [N, in] to [N, out]. */
export function dense(g: GraphBuilder, layer: WeightedLayer, x: Node): Sides {
  return biasRelu(g, layer, g.node('MatMul', layer.name, [x, layer.kernel], { T: { type: layer.dtype } }));
}

/** A dense layer without ReLU, in float32. */
export function logits(g: GraphBuilder, { name, kernel, bias }: WeightedLayer, x: Node): Sides {
  const float = { T: { type: DType.float32 } };
  const product = g.node('MatMul', name, [x, kernel], float);
  const y = g.node('BiasAdd', `${name}/BiasAdd`, [product, bias], float);
  return { pre: y, post: y };
}

/** `x` with the rows of zeros behind it that `paddings` says. */
export function addRows(g: GraphBuilder, name: string, x: Node, paddings: Node, dtype: DType): Node {
  return g.node('Pad', name, [x, paddings], { T: { type: dtype }, Tpaddings: { type: DType.int32 } });
}

/** TensorFlow fuses both into the layer before them; where `pre` is an output, only the bias. */
function biasRelu(g: GraphBuilder, { name, bias, dtype }: WeightedLayer, y: Node): Sides {
  const type = { T: { type: dtype } };
  const pre = g.node('BiasAdd', `${name}/BiasAdd`, [y, bias], type);
  return { pre, post: g.node('Relu', `${name}/Relu`, [pre], type) };
}

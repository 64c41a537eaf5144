/** TensorFlow's quantised nodes, which oneDNN computes with products of bytes. Ranges are pairs of float32 scalars. */

import { DType, type GraphBuilder, type Node } from './builder.js';

/** An activation in steps: uint8 times max / 255. */
export interface Quantized {
  /** quint8 [N, h, w, c] */
  readonly node: Node;
  /** Always 0. */
  readonly min: Node;
  readonly max: Node;
}

/** Largest uint8. */
export const MAX_ACTIVATION = 255;

/** Largest magnitude of an int8 weight: symmetric, so that zero is zero. */
export const MAX_WEIGHT = 127;

export interface QuantizedConvolution {
  readonly x: Quantized;
  /** qint8 [h, w, in, out], always the same: oneDNN keeps it as it needs it. */
  readonly kernel: Node;
  /** What a step of each output channel's weights is worth. */
  readonly scale: readonly number[];
  /** float32 [out], always the same. */
  readonly bias: Node;
  readonly padding: 'SAME' | 'VALID';
  /** float32 scalar 0. */
  readonly zero: Node;
  /** float32 scalar: what the largest uint8 of the result is worth. */
  readonly range: Node;
}

/** Convolution, bias, ReLU and the way back to uint8 in one node: tensorflow/core/kernels/mkl/mkl_conv_ops.cc. */
export function quantizedConvolution(g: GraphBuilder, name: string, options: QuantizedConvolution): Quantized {
  const { x, kernel, bias, padding, zero, range } = options;
  const ends = options.scale.map((scale) => scale * MAX_WEIGHT);
  const negative = ends.map((end) => -end);
  const kernelMin = g.constant(`${name}/kernelMin`, DType.float32, negative);
  const kernelMax = g.constant(`${name}/kernelMax`, DType.float32, ends);
  const inputs = [x.node, kernel, bias, x.min, x.max, kernelMin, kernelMax, zero, range];
  const node = g.node('_FusedQuantizedConv2D', name, inputs, {
    Tinput: { type: DType.quint8 },
    Tfilter: { type: DType.qint8 },
    Tbias: { type: DType.float32 },
    Tsummand: { type: DType.quint8 },
    out_type: { type: DType.quint8 },
    Tdevice_inputs: { types: [DType.quint8, DType.qint8, DType.float32] },
    Thost_inputs: { types: Array.from({ length: 6 }, () => DType.float32) },
    Tdevice_outputs: { types: [DType.quint8] },
    Thost_outputs: { types: [DType.float32, DType.float32] },
    data_format: { text: 'NHWC' },
    strides: { ints: [1, 1, 1, 1] },
    dilations: { ints: [1, 1, 1, 1] },
    padding: { text: padding },
    explicit_paddings: { ints: [] },
    is_filter_const: { flag: true },
    is_bias_const: { flag: true },
    fused_ops: { textList: ['BiasAdd', 'Relu', 'Requantize'] },
    alpha: { float: 0 },
  });
  return { node, min: `${node}:1`, max: `${node}:2` };
}

/** [N, h, w, c] to [N, h / 2, w / 2, c], rounded down. */
export function quantizedMaxPool(g: GraphBuilder, name: string, x: Quantized): Quantized {
  const node = g.node('QuantizedMaxPool', name, [x.node, x.min, x.max], {
    T: { type: DType.quint8 },
    ksize: { ints: [1, 2, 2, 1] },
    strides: { ints: [1, 2, 2, 1] },
    padding: { text: 'VALID' },
  });
  return { node, min: `${node}:1`, max: `${node}:2` };
}

/** As float32. */
export function dequantized(g: GraphBuilder, name: string, x: Quantized): Node {
  return g.node('Dequantize', name, [x.node, x.min, x.max], {
    T: { type: DType.quint8 },
    mode: { text: 'SCALED' },
    narrow_range: { flag: false },
    axis: { int: -1 },
    dtype: { type: DType.float32 },
  });
}

/** Bytes as the quantised type of the same bits. */
export function asQuantized(g: GraphBuilder, name: string, x: Node, from: 'uint8' | 'int8'): Node {
  const type = from === 'uint8' ? DType.quint8 : DType.qint8;
  return g.node('Bitcast', name, [x], { T: { type: DType[from] }, type: { type } });
}

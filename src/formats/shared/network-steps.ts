/**
 * A network as its file describes it: the operations from the input to the output, in a line. Readers of formats that
 * hold a graph (Keras, ONNX, tfjs, Caffe, SavedModel) give these, without what does nothing at inference (dropout,
 * identities, transpositions of the data); `assemble.ts` finds VGG-16's layers in them.
 */

import type { StoredTensor } from './stored-tensor.js';

/** How a kernel lies: [h, w, in, out] and [in, out], or [out, in, h, w] and [out, in]. */
export type KernelOrder = 'hwio' | 'oihw';

/** A 3x3 convolution, stride 1, with zeros around its input so that it keeps height and width. */
export interface ConvStep {
  readonly kind: 'conv';
  /** The file's own name of the layer or node, for messages. */
  readonly name: string;
  readonly kernel: StoredTensor;
  readonly bias: StoredTensor | undefined;
  readonly order: KernelOrder;
}

/** A dense layer; in `oihw` also a convolution over all of its input, [out, c, h, w]. */
export interface DenseStep {
  readonly kind: 'dense';
  readonly name: string;
  readonly kernel: StoredTensor;
  readonly bias: StoredTensor | undefined;
  readonly order: KernelOrder;
}

/** `scale * (x - mean) / sqrt(variance + epsilon) + offset` for each channel, with the stored statistics. */
export interface BatchNormStep {
  readonly kind: 'batchNorm';
  readonly name: string;
  /** Ones where there is none. */
  readonly scale: StoredTensor | undefined;
  /** Zeros where there is none. */
  readonly offset: StoredTensor | undefined;
  readonly mean: StoredTensor;
  readonly variance: StoredTensor;
  readonly epsilon: number;
}

/** In which order a row of pool5's values is read by what follows: height, width, channel, or channel first. */
export interface FlattenStep {
  readonly kind: 'flatten';
  readonly name: string;
  readonly order: 'hwc' | 'chw';
}

/** `x * scale + offset` on the input's channels (one number, or one a channel): preprocessing inside the file. */
export interface AffineStep {
  readonly kind: 'affine';
  readonly name: string;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** Without weights: a ReLU, a 2x2 max-pool with stride 2 that drops an odd last row, a softmax at the end. */
export interface PlainStep {
  readonly kind: 'relu' | 'maxPool' | 'softmax';
  readonly name: string;
}

export type NetworkStep = ConvStep | DenseStep | BatchNormStep | FlattenStep | AffineStep | PlainStep;

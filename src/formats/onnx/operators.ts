/**
 * What each operator of an ONNX graph does to the data on their way: a step, or nothing.
 * https://github.com/onnx/onnx/blob/main/docs/Operators.md
 */

import { modelError } from '../../errors.js';
import { CONVOLUTIONS_PER_BLOCK } from '../../network/architecture.js';
import { shown } from '../shared/shown.js';
import { stored } from './constants.js';
import type { OnnxNetwork, Operator } from './network.js';
import type { OnnxNode } from './node.js';
import { QUANTIZED_OPERATORS } from './quantized-operators.js';
import type { OnnxTensor } from './tensor.js';

/** Product of the pools: pixels of the input for one of pool5. */
const POOLED = 2 ** CONVOLUTIONS_PER_BLOCK.length;

/** Values that one scaling is of, at most: those of pool5 are 25,088, and ten times as many for an input of 700 pixels. */
const MAX_UNITS = 1 << 18;

const nothing: Operator = () => {};

const conv: Operator = async (network, node, index) => {
  dataAt(node, index, 0);
  const kernel = await network.constants.need(node, 1, 'kernel');
  const bias = await network.constants.optional(node, 2, 'bias');
  network.convolution(node, kernel, bias && stored(bias.tensor));
};

const gemm: Operator = async (network, node, index) => {
  dataAt(node, index, 0);
  node.expect('transA', node.int('transA', 0), 0);
  node.expect('alpha', node.float('alpha', 1), 1);
  const kernel = await network.constants.need(node, 1, 'kernel');
  const bias = await network.constants.optional(node, 2, 'bias');
  if (bias !== undefined) node.expect('beta', node.float('beta', 1), 1);
  network.dense(node, kernel, node.int('transB', 0) === 0 ? 1 : 0, bias && stored(asVector(bias.tensor)));
};

const matMul: Operator = async (network, node, index) => {
  dataAt(node, index, 0);
  network.dense(node, await network.constants.need(node, 1, 'kernel'), 1, undefined);
};

const maxPool: Operator = (network, node) => {
  node.expect('kernel_shape', node.ints('kernel_shape', []), [2, 2]);
  node.expect('strides', node.ints('strides', [1, 1]), [2, 2]);
  node.expectAll('dilations', node.ints('dilations', []), 1);
  node.expectAll('pads', node.ints('pads', []), 0);
  const padding = node.text('auto_pad', 'NOTSET');
  node.expect('auto_pad', padding, 'NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER');
  // Keeping an odd last row is the same where there is none.
  const keeps = node.int('ceil_mode', 0) !== 0 || padding.startsWith('SAME');
  if (keeps && (network.inputSize ?? 1) % POOLED !== 0) {
    throw node.wrong('ceil_mode', '0 for this input', padding === 'NOTSET' ? 1 : padding);
  }
  if (network.layout !== 'nchw') throw node.wrong('input', 'channels first', network.layout);
  network.maxPool(node);
};

/** An average over one place: after a convolution over all of pool5, or what an adaptive pool of 7x7 leaves of 7x7. */
const averagePool: Operator = (network, node) => {
  if (network.single) return;
  node.expectAll('kernel_shape', node.ints('kernel_shape', [0]), 1);
  node.expectAll('strides', node.ints('strides', []), 1);
  node.expectAll('pads', node.ints('pads', []), 0);
};

const globalPool: Operator = (network, node) => {
  if (network.single || (network.pools === CONVOLUTIONS_PER_BLOCK.length && network.inputSize === POOLED)) return;
  throw node.refuse(`expected no average over the places of pool5 but there is ${shown(node.name)}`);
};

const reduceMean: Operator = async (network, node, index) => {
  globalPool(network, node, index);
  const axes = await network.constants.numbersAt(node, 'axes', 1);
  node.expect('axes', axes, [2, 3], [-1, -2], [-2, -1], [3, 2]);
  if (node.int('keepdims', 1) === 0) network.flatten(node);
};

const flatten: Operator = (network, node) => {
  node.expect('axis', node.int('axis', 1), 1);
  network.flatten(node);
};

/** To [N, everything]; a shape that is computed comes from the batch's size. */
const reshape: Operator = async (network, node, index) => {
  dataAt(node, index, 0);
  const name = node.inputs[1];
  const known = name === undefined || (await network.constants.isKnown(name));
  if (!known) {
    node.expect('shape', network.constants.made(name)?.op, 'Concat');
  } else {
    const shape = (await network.constants.numbersAt(node, 'shape', 1)) ?? [];
    const [batch = 0, units = 0] = shape;
    const sound =
      shape.length === 2 && units !== 0 && (batch < 1 || batch === network.batch) && (batch !== -1 || units !== -1);
    if (!sound) throw node.wrong('shape', '[0, -1]', shape);
  }
  network.flatten(node);
};

const squeeze: Operator = async (network, node) => {
  const axes = await network.constants.numbersAt(node, 'axes', 1);
  if (!network.single) throw node.refuse(`expected pool5 to be flattened but ${shown(node.name)} squeezes it`);
  node.expect('axes', axes, [2, 3], [-1, -2], [-2, -1], [3, 2]);
  network.flatten(node);
};

/** Of the data; of a matrix see OnnxConstants. */
const transpose: Operator = (network, node) => {
  const perm = node.ints('perm', []);
  if (network.layout === 'nhwc') node.expect('perm', perm, [0, 3, 1, 2]);
  else if (network.layout === 'nchw') node.expect('perm', perm, [0, 2, 3, 1]);
  else node.expect('perm', perm, [0, 1]);
  if (network.layout !== 'flat') network.layout = network.layout === 'nhwc' ? 'nchw' : 'nhwc';
};

const batchNormalization: Operator = async (network, node, index) => {
  dataAt(node, index, 0);
  node.expect('training_mode', node.int('training_mode', 0), 0);
  node.expect('spatial', node.int('spatial', 1), 1);
  const vector = async (input: number, role: string) =>
    stored((await network.constants.need(node, input, role)).tensor);
  network.batchNorm(node, {
    scale: await vector(1, 'scale'),
    offset: await vector(2, 'bias'),
    mean: await vector(3, 'mean'),
    variance: await vector(4, 'variance'),
    epsilon: node.float('epsilon', 1e-5),
  });
};

const softmax: Operator = (network, node) => {
  node.expect('axis', node.int('axis', 1), 1, -1);
  network.steps.push({ kind: 'softmax', name: node.name });
};

const pad: Operator = async (network, node) => {
  node.expectAll('pads', (await network.constants.numbersAt(node, 'pads', 1)) ?? [], 0);
};

const dropout: Operator = async (network, node) => {
  if ((node.inputs[2] ?? '') === '') return;
  node.expectAll('training_mode', await network.constants.numbers(node, 2, 'training_mode'), 0);
};

/** Preprocessing on the input, the bias of a layer, or half of a batch normalisation. */
const add: Operator = async (network, node, index) => {
  if (network.atInput) return await affine(network, node, index, ([c = 0]) => ({ scale: 1, offset: c }));
  const { tensor } = await network.constants.need(node, 1 - index, 'summand');
  const vector = stored(asVector(tensor));
  if (network.addBias(vector) || (network.layout === 'flat' && network.addOffset(vector))) return;
  if (network.layout !== 'flat') throw node.refuse(`${shown(node.name)} (Add) adds to the data, which VGG-16 does not`);
  const { zeros, ones } = unit(network, tensor);
  network.batchNorm(node, { scale: undefined, offset: vector, mean: zeros, variance: ones, epsilon: 0 });
};

const subtract: Operator = async (network, node, index) => {
  if (!network.atInput) throw node.refuse(`${shown(node.name)} (Sub) subtracts from the data, which VGG-16 does not`);
  await affine(network, node, index, ([c = 0]) => (index === 0 ? { scale: 1, offset: -c } : { scale: -1, offset: c }));
};

const multiply: Operator = async (network, node, index) => {
  if (network.atInput) return await affine(network, node, index, ([c = 0]) => ({ scale: c, offset: 0 }));
  const { tensor } = await network.constants.need(node, 1 - index, 'factor');
  if (network.layout !== 'flat') throw node.refuse(`${shown(node.name)} (Mul) scales the data, which VGG-16 does not`);
  const { zeros, ones } = unit(network, tensor);
  network.batchNorm(node, {
    scale: stored(asVector(tensor)),
    offset: undefined,
    mean: zeros,
    variance: ones,
    epsilon: 0,
  });
};

const divide: Operator = async (network, node, index) => {
  if (!network.atInput || index !== 0) {
    throw node.refuse(`${shown(node.name)} (Div) divides the data, which VGG-16 does not`);
  }
  await affine(network, node, index, ([c = 1]) => ({ scale: 1 / c, offset: 0 }));
};

/** `of`: what one number does. */
async function affine(
  network: OnnxNetwork,
  node: OnnxNode,
  index: number,
  of: (numbers: readonly number[]) => { readonly scale: number; readonly offset: number },
): Promise<void> {
  const { tensor } = await network.constants.need(node, 1 - index, 'second operand');
  const { shape, elements } = tensor;
  const axis = network.layout === 'nchw' ? 3 : 1;
  const onChannels = elements === 3 && shape.length >= axis && shape[shape.length - axis] === 3;
  if (elements !== 1 && !onChannels) throw node.wrong('second operand', 'one number or one a channel', shape);
  const pairs = (await network.constants.reader.numbers(tensor)).map((value) => of([value]));
  if (!pairs.every(({ scale, offset }) => Number.isFinite(scale) && Number.isFinite(offset))) {
    throw node.refuse(`${shown(node.name)} makes infinite numbers of the input`);
  }
  const [scale, offset] = [pairs.map((pair) => pair.scale), pairs.map((pair) => pair.offset)];
  network.steps.push({ kind: 'affine', name: node.name, scale, offset });
}

/** [n], [1, n], [n, 1, 1] and such as [n]. */
function asVector(tensor: OnnxTensor): OnnxTensor {
  const sizes = tensor.shape.filter((size) => size !== 1);
  return sizes.length <= 1 ? { ...tensor, shape: [tensor.elements] } : tensor;
}

/** A mean and a variance that change nothing. */
function unit({ constants }: OnnxNetwork, near: OnnxTensor): { readonly zeros: OnnxTensor; readonly ones: OnnxTensor } {
  if (near.elements > MAX_UNITS) {
    throw modelError(
      `Expected at most ${MAX_UNITS} numbers in ${shown(near.name)} of ${constants.reader.path} but it has ${near.elements}.`,
    );
  }
  const filled = (value: number) => constants.vector(near, Array<number>(near.elements).fill(value));
  return { zeros: filled(0), ones: filled(1) };
}

function dataAt(node: OnnxNode, index: number, expected: number): void {
  if (index !== expected) throw node.wrong('data', `input ${expected}`, index);
}

/** By name; what VGG-16 has no use for is missing. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  Add: add,
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Cast: nothing,
  Conv: conv,
  Div: divide,
  Dropout: dropout,
  Flatten: flatten,
  Gemm: gemm,
  GlobalAveragePool: globalPool,
  Identity: nothing,
  MatMul: matMul,
  MaxPool: maxPool,
  Mul: multiply,
  Pad: pad,
  ReduceMean: reduceMean,
  Relu: (network, node) => network.relu(node),
  Reshape: reshape,
  Softmax: softmax,
  Squeeze: squeeze,
  Sub: subtract,
  Transpose: transpose,
  ...QUANTIZED_OPERATORS,
};

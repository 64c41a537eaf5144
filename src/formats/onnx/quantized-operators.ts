/**
 * Quantised graphs: with quantisation and dequantisation around float operators (QDQ), or with operators on integers
 * (QOperator), as onnxruntime.quantization and Neural Compressor write them. Only the weights are taken as they are
 * stored; the activations stay float, so the logits are those of the network before its activations were quantised.
 */

import { shown } from '../shared/shown.js';
import { stored } from './constants.js';
import type { OnnxNetwork, Operator } from './network.js';
import type { OnnxNode } from './node.js';
import type { OnnxTensor } from './tensor.js';

/** Inputs of the operators on integers, by what they are. */
interface Inputs {
  readonly dataScale: number;
  readonly kernel: number;
  readonly bias: number | undefined;
  readonly outputScale: number;
}

/** https://github.com/onnx/onnx/blob/main/docs/Operators.md#QLinearConv and #QLinearMatMul */
const CONV: Inputs = { dataScale: 1, kernel: 3, bias: 8, outputScale: 6 };
const MATMUL: Inputs = { dataScale: 1, kernel: 3, bias: undefined, outputScale: 6 };

/** https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QGemm */
const GEMM: Inputs = { dataScale: 1, kernel: 3, bias: 6, outputScale: 7 };

const conv: Operator = async (network, node) => {
  const { kernel, bias } = await weights(network, node, CONV, 0);
  network.convolution(node, { tensor: kernel, transposed: false }, bias && stored(bias));
  await clamp(network, node, CONV.outputScale + 1);
};

const matMul: Operator = async (network, node) => {
  const { kernel } = await weights(network, node, MATMUL, 1);
  network.dense(node, { tensor: kernel, transposed: false }, 1, undefined);
  await clamp(network, node, MATMUL.outputScale + 1);
};

const gemm: Operator = async (network, node) => {
  node.expect('transA', node.int('transA', 0), 0);
  node.expect('alpha', node.float('alpha', 1), 1);
  const out = node.int('transB', 0) === 0 ? 1 : 0;
  const { kernel, bias } = await weights(network, node, GEMM, out);
  network.dense(node, { tensor: kernel, transposed: false }, out, bias && stored(bias));
  await clamp(network, node, GEMM.outputScale + 1);
};

/** The bias of a QLinearMatMul: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAdd */
const add: Operator = async (network, node, index) => {
  const { constants } = network;
  const at = index === 0 ? 3 : 0;
  const scale = await constants.numbers(node, at + 1, 'scale of the bias');
  const zero =
    (node.inputs[at + 2] ?? '') === '' ? [0] : await constants.numbers(node, at + 2, 'zero point of the bias');
  const bias = await constants.quantized(await constants.need(node, at, 'bias'), scale, zero, 0, node);
  if (bias.shape.length !== 1 || !network.addBias(stored(bias))) {
    throw node.refuse(`${shown(node.name)} (${shown(node.op)}) adds to the data, which VGG-16 does not`);
  }
  await clamp(network, node, 7);
};

/** A kernel of bytes with its scales, and a bias of int32, whose scale is that of the data times the kernel's. */
async function weights(
  { constants }: OnnxNetwork,
  node: OnnxNode,
  at: Inputs,
  axis: number,
): Promise<{ readonly kernel: OnnxTensor; readonly bias: OnnxTensor | undefined }> {
  const scale = await constants.numbers(node, at.kernel + 1, 'scale of the kernel');
  const zero = await constants.numbers(node, at.kernel + 2, 'zero point of the kernel');
  const kernel = await constants.quantized(await constants.need(node, at.kernel, 'kernel'), scale, zero, axis, node);
  const integers = at.bias === undefined ? undefined : await constants.optional(node, at.bias, 'bias');
  if (integers === undefined) return { kernel, bias: undefined };
  const [data = 1] = await constants.numbers(node, at.dataScale, 'scale of the data');
  const product = scale.map((value) => value * data);
  return { kernel, bias: await constants.quantized(integers, product, [0], 0, node) };
}

/** Of the data: what is below zero becomes zero where the least byte is zero, and quantisers leave a ReLU to that. */
const quantize: Operator = async (network, node) => await clamp(network, node, 2);

async function clamp(network: OnnxNetwork, node: OnnxNode, zeroPoint: number): Promise<void> {
  const { last } = network;
  if (last?.kind !== 'conv' && last?.kind !== 'dense' && last?.kind !== 'batchNorm') return;
  const name = node.inputs[zeroPoint] ?? '';
  if (name === '') {
    if (node.int('output_dtype', 2) === 2) network.relu(node);
    return;
  }
  const { tensor } = await network.constants.need(node, zeroPoint, 'zero point');
  const [zero] = await network.constants.reader.numbers(tensor);
  if (tensor.dtype.startsWith('UINT') && zero === 0) network.relu(node);
}

const nothing: Operator = () => {};

const unread: Operator = (_network, node) => {
  throw node.refuse(
    `its node ${shown(node.name)} is a ${shown(node.op)}, whose weights are quantised in a way that is not read`,
  );
};

export const QUANTIZED_OPERATORS: Readonly<Record<string, Operator>> = {
  QuantizeLinear: quantize,
  DequantizeLinear: nothing,
  QLinearConv: conv,
  QLinearMatMul: matMul,
  DynamicQuantizeLinear: unread,
  ConvInteger: unread,
  MatMulInteger: unread,
  'com.microsoft.QuantizeLinear': quantize,
  'com.microsoft.DequantizeLinear': nothing,
  'com.microsoft.QGemm': gemm,
  'com.microsoft.QLinearAdd': add,
};

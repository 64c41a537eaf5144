/**
 * Reads ONNX models: https://github.com/onnx/onnx/blob/main/docs/IR.md. The weights stay in the file; nodes, names and
 * small constants are decoded, and the nodes are followed from the input to the output (follow.ts).
 */

import { modelError } from '../../errors.js';
import type { NetworkStep } from '../shared/network-steps.js';
import { type ByteSpan, MAX_METADATA_BYTES, ProtobufFile } from '../shared/protobuf.js';
import type { RandomAccessFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { MAX_TENSORS } from '../shared/stored-tensor.js';
import type { Family, WeightFile } from '../shared/weight-file.js';
import { OnnxConstants } from './constants.js';
import { followNodes } from './follow.js';
import { OnnxNetwork } from './network.js';
import { type Attributes, OnnxNode } from './node.js';
import {
  type AttributeMessage,
  FIELD,
  type GraphMessage,
  type ModelMessage,
  type NodeMessage,
  ONNX,
  type ValueInfoMessage,
} from './proto.js';
import { type OnnxTensor, TensorReader } from './tensor.js';

/** Nodes of a graph, at most: VGG-16 has 40, quantised and with an exporter's casts 300. */
const MAX_NODES = 10_000;

/** Attributes of a node, at most: a convolution has six. */
const MAX_ATTRIBUTES = 100;

/** Whether the first fields of a protobuf are those of a ModelProto: its version, and a graph. */
export function isOnnx(fields: ReadonlySet<string>): boolean {
  return fields.has('1:0') && fields.has('7:2');
}

/** Names, shapes, places and the network. Throws MODEL_INVALID where it is no ONNX model, or one of another network. */
export async function readOnnx(file: RandomAccessFile): Promise<WeightFile> {
  const { path, bytes } = file;
  const proto = new ProtobufFile(file);
  const reader = new TensorReader(proto);
  const { message: model, spans } = await proto.split<ModelMessage>(
    proto.whole,
    ONNX.ModelProto,
    [FIELD.model.graph],
    MAX_METADATA_BYTES,
  );
  const [graphSpan, ...more] = spans.get(FIELD.model.graph) ?? [];
  if (graphSpan === undefined || more.length > 0) {
    throw modelError(
      `Expected one graph in the ONNX model ${path} but it has ${graphSpan === undefined ? 'none' : 'more'}.`,
    );
  }
  const { message: graph, spans: parts } = await proto.split<GraphMessage>(graphSpan, ONNX.GraphProto, [
    FIELD.graph.node,
    FIELD.graph.initializer,
  ]);
  const initializers = await readInitializers(parts.get(FIELD.graph.initializer) ?? [], reader);
  const nodes = await readNodes(parts.get(FIELD.graph.node) ?? [], reader);

  const input = inputOf(graph, initializers, path);
  const shape = shapeOf(input);
  const constants = new OnnxConstants(initializers, nodes, reader);
  const network = new OnnxNetwork(constants, { shape, inputSize: sideOf(shape, path) });
  const steps = await followNodes(nodes, network, input.name, new Set(graph.output.map(({ name }) => name)));
  const { inputSize } = network;
  const family = familyOf([...initializers.keys()], steps);
  return {
    path,
    bytes,
    format: 'onnx',
    tensors: constants.all.map(({ name, shape: dims, dtype, place }) => ({ name, shape: dims, dtype, place })),
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    steps,
    ...(family === undefined ? {} : { family }),
    ...(inputSize === undefined ? {} : { inputSize }),
  };
}

async function readInitializers(
  spans: readonly ByteSpan[],
  reader: TensorReader,
): Promise<ReadonlyMap<string, OnnxTensor>> {
  if (spans.length > MAX_TENSORS) {
    throw modelError(`Expected at most ${MAX_TENSORS} tensors but ${reader.path} has ${spans.length}.`);
  }
  const tensors = new Map<string, OnnxTensor>();
  for (const span of spans) {
    const tensor = await reader.read(span);
    if (tensors.has(tensor.name)) throw modelError(`${shown(tensor.name)} occurs twice in ${reader.path}.`);
    tensors.set(tensor.name, tensor);
  }
  return tensors;
}

async function readNodes(spans: readonly ByteSpan[], reader: TensorReader): Promise<readonly OnnxNode[]> {
  if (spans.length > MAX_NODES) {
    throw modelError(`Expected at most ${MAX_NODES} nodes but ${reader.path} has ${spans.length}.`);
  }
  const nodes: OnnxNode[] = [];
  for (const span of spans) {
    const { message, spans: parts } = await reader.proto.split<NodeMessage>(span, ONNX.NodeProto, [
      FIELD.node.attribute,
    ]);
    const attributes = await readAttributes(parts.get(FIELD.node.attribute) ?? [], message, reader);
    nodes.push(new OnnxNode(message, attributes, reader.path));
  }
  return nodes;
}

async function readAttributes(
  spans: readonly ByteSpan[],
  { opType, output }: NodeMessage,
  reader: TensorReader,
): Promise<Attributes> {
  if (spans.length > MAX_ATTRIBUTES) {
    throw modelError(`Expected at most ${MAX_ATTRIBUTES} attributes of a node but ${reader.path} has ${spans.length}.`);
  }
  const attributes = new Map<string, AttributeMessage & { readonly tensor?: OnnxTensor }>();
  for (const span of spans) {
    const { message, spans: parts } = await reader.proto.split<AttributeMessage>(span, ONNX.AttributeProto, [
      FIELD.attribute.tensor,
    ]);
    const tensor = opType === 'Constant' ? parts.get(FIELD.attribute.tensor)?.at(-1) : undefined;
    attributes.set(message.name, {
      ...message,
      ...(tensor === undefined ? {} : { tensor: await reader.read(tensor, output[0] ?? '') }),
    });
  }
  return attributes;
}

/** Files of ONNX before 1.4 list the weights among the inputs too. */
function inputOf(
  { input: inputs }: GraphMessage,
  initializers: ReadonlyMap<string, OnnxTensor>,
  path: string,
): ValueInfoMessage {
  const [input, ...more] = inputs.filter(({ name }) => !initializers.has(name));
  if (input === undefined || more.length > 0) {
    const found = input === undefined ? 'none' : `${more.length + 1}`;
    throw modelError(`${path} is not a VGG-16: expected one input but it has ${found}.`);
  }
  return input;
}

/** Sizes of the input's axes; 0 for one that is free. */
function shapeOf({ type }: ValueInfoMessage): readonly number[] | undefined {
  return type?.tensorType?.shape?.dim.map(({ dimValue }) => dimValue);
}

/** Side of the input in pixels, where it is fixed. */
function sideOf(shape: readonly number[] | undefined, path: string): number | undefined {
  if (shape?.length !== 4) return undefined;
  const [height = 0, width = 0] = shape[3] === 3 && shape[1] !== 3 ? shape.slice(1, 3) : shape.slice(2, 4);
  if (height === 0 && width === 0) return undefined;
  if (height !== width && height > 0 && width > 0) {
    throw modelError(`${path} is not a VGG-16: expected a square input but it is ${shown(shape)}.`);
  }
  return Math.max(height, width);
}

/** Whose names the weights have; Keras's say nothing of how a fine-tuned network was trained. */
function familyOf(names: readonly string[], steps: readonly NetworkStep[]): Family | undefined {
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/^features\.0\.weight(?:_quantized)?$/)) return 'torch';
  if (has(/^vgg\d+_conv0_weight(?:_quantized)?$/)) return 'mxnet';
  if (!has(/(?:^|\/)block1_conv1(?:_\d+)?\//)) return undefined;
  const last = steps.findLast(({ kind }) => kind === 'dense');
  if (last?.kind !== 'dense') return 'keras';
  const classes = last.kernel.shape[last.order === 'hwio' ? 1 : 0];
  return classes === IMAGENET_CLASSES ? 'keras' : undefined;
}

const IMAGENET_CLASSES = 1000;

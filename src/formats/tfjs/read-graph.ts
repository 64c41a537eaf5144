/** The graph of a tfjs graph model: TensorFlow's GraphDef as protobuf's JSON writes it, constants being in the shards. */

import { modelError } from '../../errors.js';
import { type Fields, isObject } from '../keras/layer-order.js';
import type { TfAttribute, TfGraph, TfNode } from '../savedmodel/tensorflow-graph.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';

/** Nodes, at most: VGG-16 has about 70. */
const MAX_NODES = 10_000;

/** Elements of a list in an attribute, at most: strides and paddings have up to eight. */
const MAX_LIST = 32;

/** `integers`: the values of small constants of whole numbers. Throws MODEL_INVALID where it is no graph. */
export function parseTfjsGraph(
  topology: Fields,
  tensors: ReadonlyMap<string, StoredTensor>,
  integers: ReadonlyMap<string, readonly number[]>,
  path: string,
): TfGraph {
  const list = topology.node;
  if (!Array.isArray(list) || list.length > MAX_NODES) {
    throw modelError(`Expected at most ${MAX_NODES} nodes in the graph of ${path} but it has ${shown(list)}.`);
  }
  const nodes = new Map<string, TfNode>();
  const constants = new Map<TfNode, StoredTensor>();
  for (const entry of list) {
    const node = parseNode(entry, integers, path);
    if (nodes.has(node.name)) throw modelError(`The node ${shown(node.name)} occurs twice in ${path}.`);
    nodes.set(node.name, node);
    const tensor = node.op === 'Const' ? tensors.get(node.name) : undefined;
    if (tensor !== undefined) constants.set(node, tensor);
  }
  return { nodes, constants, functions: new Map() };
}

function parseNode(entry: unknown, integers: ReadonlyMap<string, readonly number[]>, path: string): TfNode {
  const { name, op, input = [], attr = {} } = isObject(entry) ? entry : {};
  if (typeof name !== 'string' || typeof op !== 'string' || !isTexts(input) || !isObject(attr)) {
    throw modelError(`Expected { name, op, input, attr } as a node of ${path} but it is ${shown(entry)}.`);
  }
  const attributes = new Map<string, TfAttribute>();
  for (const [key, value] of Object.entries(attr)) {
    const parsed = isObject(value) ? parseAttribute(value) : undefined;
    if (parsed !== undefined) attributes.set(key, parsed);
  }
  const value = op === 'Const' ? integers.get(name) : undefined;
  if (value !== undefined) attributes.set('value', value);
  return { name, op, inputs: input.filter((text) => !text.startsWith('^')), attributes };
}

/** 64-bit integers are text in JSON, bytes are base64. */
function parseAttribute(value: Fields): TfAttribute | undefined {
  const { b, i, f, s, type, list, shape } = value;
  if (typeof b === 'boolean') return b;
  if (typeof i === 'number' || typeof i === 'string') return Number(i);
  if (typeof f === 'number') return f;
  if (typeof s === 'string') return fromBase64(s);
  if (typeof type === 'string' || typeof type === 'number') return type;
  if (isObject(shape)) return sizes(shape.dim);
  if (!isObject(list)) return undefined;
  if (Array.isArray(list.s)) return list.s.slice(0, MAX_LIST).map((text) => fromBase64(String(text)));
  return Array.isArray(list.i) ? list.i.slice(0, MAX_LIST).map(Number) : undefined;
}

function sizes(dims: unknown): readonly number[] {
  const list = Array.isArray(dims) ? dims.slice(0, MAX_LIST) : [];
  return list.map((dim) => (isObject(dim) ? Number(dim.size ?? 0) : -1));
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

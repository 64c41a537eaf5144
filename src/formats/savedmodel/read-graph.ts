/**
 * The graph in a `saved_model.pb`: nodes with the attributes that VGG-16 needs, the functions that they call, and the
 * places of floating-point constants. Messages: tensorflow/core/protobuf/{saved_model,meta_graph}.proto and
 * tensorflow/core/framework/{graph,function,node_def,attr_value,tensor}.proto.
 */

import { modelError } from '../../errors.js';
import { WEIGHT_BYTES } from '../../network/tensors.js';
import { type ByteSpan, messageTypes, type ProtobufFile } from '../shared/protobuf.js';
import { shown } from '../shared/shown.js';
import { elementsOf, type StoredTensor } from '../shared/stored-tensor.js';
import { TF_FLOATS } from './tensor-bundle.js';
import type { TfAttribute, TfFunction, TfGraph, TfNode } from './tensorflow-graph.js';

const types = messageTypes({
  SavedModel: {},
  MetaGraphDef: { metaInfoDef: [1, 'MetaInfoDef'] },
  MetaInfoDef: { tags: [4, 'string', 'repeated'] },
  MapEntry: { key: [1, 'string'] },
  TextEntry: { key: [1, 'string'], value: [2, 'string'] },
  SignatureDef: {},
  TensorInfo: { name: [1, 'string'] },
  GraphDef: {},
  FunctionDef: { signature: [1, 'OpDef'] },
  OpDef: { name: [1, 'string'], inputArg: [2, 'ArgDef', 'repeated'], outputArg: [3, 'ArgDef', 'repeated'] },
  ArgDef: { name: [1, 'string'] },
  NodeDef: { name: [1, 'string'], op: [2, 'string'], input: [3, 'string', 'repeated'] },
  AttrValue: {
    list: [1, 'ListValue'],
    s: [2, 'bytes'],
    i: [3, 'int64'],
    f: [4, 'float'],
    b: [5, 'bool'],
    shape: [7, 'TensorShapeProto'],
    func: [10, 'NameAttrList'],
  },
  ListValue: { s: [2, 'bytes', 'repeated'], i: [3, 'int64', 'repeated'] },
  NameAttrList: { name: [1, 'string'] },
  TensorShapeProto: { dim: [2, 'Dim', 'repeated'] },
  Dim: { size: [1, 'int64'] },
  TensorProto: {
    dtype: [1, 'int32'],
    tensorShape: [2, 'TensorShapeProto'],
    intVal: [7, 'int32', 'repeated'],
    stringVal: [8, 'bytes', 'repeated'],
    int64Val: [10, 'int64', 'repeated'],
  },
});

/** Field numbers of what stays in the file, or is walked by itself. */
const META_GRAPHS = 2;
const GRAPH_DEF = 2;
const SIGNATURES = 5;
const SIGNATURE_OUTPUTS = 2;
const NODES = 1;
const LIBRARY = 2;
const FUNCTIONS = 1;
const FUNCTION_NODES = 3;
const FUNCTION_RETURNS = 4;
const ATTRIBUTES = 5;
const MAP_VALUE = 2;
const TENSOR = 8;
const TENSOR_CONTENT = 4;
const FLOAT_VAL = 5;

/** Functions that are read, at most: Keras's SavedModels have up to 200, of which serving needs six. */
const MAX_FUNCTIONS = 1000;

/** Elements of a constant of whole numbers that is read: paddings, orders of axes. */
const MAX_INTEGERS = 64;

/** `DataType`. */
const INT32 = 3;
const STRING = 7;
const INT64 = 9;

interface Shape {
  readonly dim: readonly { readonly size: number }[];
}

interface Attribute {
  readonly list: { readonly s: readonly (readonly number[])[]; readonly i: readonly number[] } | null;
  readonly s: readonly number[];
  readonly i: number;
  readonly f: number;
  readonly b: boolean;
  readonly shape: Shape | null;
  readonly func: { readonly name: string } | null;
}

/** Attributes by what they hold; others are not read. */
const READ: Readonly<Record<string, (value: Attribute) => TfAttribute | undefined>> = {
  data_format: ({ s }) => text(s),
  dilations: ({ list }) => list?.i,
  epsilon: ({ f }) => f,
  explicit_paddings: ({ list }) => list?.i,
  f: ({ func }) => func?.name,
  fused_ops: ({ list }) => list?.s.map(text),
  is_training: ({ b }) => b,
  ksize: ({ list }) => list?.i,
  padding: ({ s }) => text(s),
  shape: ({ shape }) => shape?.dim.map(({ size }) => size),
  shared_name: ({ s }) => text(s),
  strides: ({ list }) => list?.i,
  transpose_a: ({ b }) => b,
  transpose_b: ({ b }) => b,
};

const text = (bytes: readonly number[]): string => Buffer.from(bytes).toString('utf8');

export interface SavedGraph extends TfGraph {
  /** By its name, the nodes that give a signature's outputs. */
  readonly signatures: ReadonlyMap<string, readonly string[]>;
}

/** The graph for serving. Throws MODEL_INVALID where the file is damaged or has none. */
export async function readSavedGraph(pb: ProtobufFile): Promise<SavedGraph> {
  const { spans } = await pb.split(pb.whole, types.SavedModel, [META_GRAPHS]);
  for (const span of spans.get(META_GRAPHS) ?? []) {
    const graph = await new GraphReader(pb).read(span);
    if (graph !== undefined) return graph;
  }
  throw modelError(`Expected a graph with the tag serve in ${pb.file.path} but there is none.`);
}

class GraphReader {
  readonly #constants = new Map<TfNode, StoredTensor>();
  readonly #functionSpans = new Map<string, ByteSpan>();
  readonly #functions = new Map<string, TfFunction>();

  constructor(readonly pb: ProtobufFile) {}

  /** `undefined`: a graph for something else, as training. */
  async read(span: ByteSpan): Promise<SavedGraph | undefined> {
    const meta = await this.pb.split<{ readonly metaInfoDef: { readonly tags: readonly string[] } | null }>(
      span,
      types.MetaGraphDef,
      [GRAPH_DEF, SIGNATURES],
    );
    if (meta.message.metaInfoDef?.tags.includes('serve') !== true) return undefined;
    const signatures = new Map<string, readonly string[]>();
    for (const entry of meta.spans.get(SIGNATURES) ?? []) {
      const { key, value } = await this.#entry(entry);
      signatures.set(key, await this.#outputs(value));
    }
    const graphSpan = meta.spans.get(GRAPH_DEF)?.[0];
    if (graphSpan === undefined) throw modelError(`Expected a graph in ${this.pb.file.path} but it has none.`);
    const { spans } = await this.pb.split(graphSpan, types.GraphDef, [NODES, LIBRARY]);
    for (const library of spans.get(LIBRARY) ?? []) await this.#index(library);
    const nodes = await this.#nodes(spans.get(NODES) ?? []);
    await this.#called(nodes);
    return { nodes, functions: this.#functions, constants: this.#constants, signatures };
  }

  async #outputs(signature: ByteSpan): Promise<readonly string[]> {
    const { spans } = await this.pb.split(signature, types.SignatureDef, [SIGNATURE_OUTPUTS]);
    const names: string[] = [];
    for (const entry of spans.get(SIGNATURE_OUTPUTS) ?? []) {
      const { value } = await this.#entry(entry);
      names.push((await this.pb.message<{ readonly name: string }>(value, types.TensorInfo)).name);
    }
    return names;
  }

  /** Where each function of a library is. */
  async #index(library: ByteSpan): Promise<void> {
    const { spans } = await this.pb.split(library, types.GraphDef, [FUNCTIONS]);
    for (const span of spans.get(FUNCTIONS) ?? []) {
      const { message } = await this.pb.split<FunctionMessage>(span, types.FunctionDef);
      if (message.signature !== null) this.#functionSpans.set(message.signature.name, span);
    }
  }

  /** The functions that `nodes` call, and those that these call. */
  async #called(nodes: ReadonlyMap<string, TfNode>): Promise<void> {
    const pending = [...nodes.values()];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const name = node.attributes.get('f');
      const span = typeof name === 'string' ? this.#functionSpans.get(name) : undefined;
      if (typeof name !== 'string' || span === undefined || this.#functions.has(name)) continue;
      if (this.#functions.size >= MAX_FUNCTIONS) {
        throw modelError(`Expected at most ${MAX_FUNCTIONS} functions in ${this.pb.file.path} but it has more.`);
      }
      const called = await this.#function(span);
      this.#functions.set(name, called);
      pending.push(...called.nodes.values());
    }
  }

  async #function(span: ByteSpan): Promise<TfFunction> {
    const { message, spans } = await this.pb.split<FunctionMessage>(span, types.FunctionDef, [
      FUNCTION_NODES,
      FUNCTION_RETURNS,
    ]);
    const returns = new Map<string, string>();
    for (const entry of spans.get(FUNCTION_RETURNS) ?? []) {
      const { key, value } = await this.pb.message<{ readonly key: string; readonly value: string }>(
        entry,
        types.TextEntry,
      );
      returns.set(key, value);
    }
    const { inputArg = [], outputArg = [] } = message.signature ?? {};
    return {
      inputs: inputArg.map(({ name }) => name),
      outputs: outputArg.map(({ name }) => returns.get(name) ?? ''),
      nodes: await this.#nodes(spans.get(FUNCTION_NODES) ?? []),
    };
  }

  async #nodes(spans: readonly ByteSpan[]): Promise<ReadonlyMap<string, TfNode>> {
    const nodes = new Map<string, TfNode>();
    for (const span of spans) {
      const node = await this.#node(span);
      nodes.set(node.name, node);
    }
    return nodes;
  }

  async #node(span: ByteSpan): Promise<TfNode> {
    const { message, spans } = await this.pb.split<{
      readonly name: string;
      readonly op: string;
      readonly input: readonly string[];
    }>(span, types.NodeDef, [ATTRIBUTES]);
    const { name, op } = message;
    const attributes = new Map<string, TfAttribute>();
    let constant: StoredTensor | undefined;
    for (const entry of spans.get(ATTRIBUTES) ?? []) {
      const { key, value } = await this.#entry(entry);
      if (key === 'value' && op === 'Const') {
        const tensor = await this.#constant(name, value);
        if (Array.isArray(tensor)) attributes.set('value', tensor);
        else constant = tensor as StoredTensor;
      } else if (Object.hasOwn(READ, key)) {
        const parsed = READ[key]?.(await this.pb.message<Attribute>(value, types.AttrValue));
        if (parsed !== undefined) attributes.set(key, parsed);
      }
    }
    const node = { name, op, inputs: message.input.filter((input) => !input.startsWith('^')), attributes };
    if (constant !== undefined) this.#constants.set(node, constant);
    return node;
  }

  /** Whole numbers and texts as they are, floating-point numbers as a place. */
  async #constant(name: string, attribute: ByteSpan): Promise<readonly number[] | readonly string[] | StoredTensor> {
    const [span] = (await this.pb.split(attribute, types.SavedModel, [TENSOR])).spans.get(TENSOR) ?? [];
    if (span === undefined) return [];
    const { message, spans } = await this.pb.split<{
      readonly dtype: number;
      readonly tensorShape: Shape | null;
      readonly intVal: readonly number[];
      readonly stringVal: readonly (readonly number[])[];
      readonly int64Val: readonly number[];
    }>(span, types.TensorProto, [TENSOR_CONTENT, FLOAT_VAL]);
    const [content] = [...(spans.get(TENSOR_CONTENT) ?? []), ...(spans.get(FLOAT_VAL) ?? [])];
    const { dtype, intVal, int64Val, stringVal } = message;
    if (dtype === STRING) return stringVal.map(text);
    if (dtype === INT32) return content === undefined ? intVal : await this.#integers(content, 4);
    if (dtype === INT64) return content === undefined ? int64Val : await this.#integers(content, 8);
    return this.#stored(name, dtype, message.tensorShape, content);
  }

  async #integers(span: ByteSpan, size: 4 | 8): Promise<readonly number[]> {
    const count = (span.end - span.start) / size;
    if (!Number.isInteger(count) || count > MAX_INTEGERS) return [];
    const bytes = await this.pb.bytes(span);
    return Array.from({ length: count }, (_, i) =>
      size === 4 ? bytes.readInt32LE(i * size) : Number(bytes.readBigInt64LE(i * size)),
    );
  }

  #stored(name: string, dtype: number, tensorShape: Shape | null, content: ByteSpan | undefined): StoredTensor {
    const { path } = this.pb.file;
    const shape = (tensorShape?.dim ?? []).map(({ size }) => size);
    const elements = elementsOf(shape, shown(name), path);
    const type = TF_FLOATS.get(dtype);
    if (type === undefined) return { name, shape, dtype: `type ${dtype}`, place: undefined };
    const byteLength = content === undefined ? 0 : content.end - content.start;
    // TensorFlow stores equal values once; no weights are equal.
    if (content === undefined || byteLength !== elements * WEIGHT_BYTES[type]) {
      return { name, shape, dtype: `${type}, all of one value`, place: undefined };
    }
    return { name, shape, dtype: type, place: { kind: 'range', type, file: path, offset: content.start, byteLength } };
  }

  /** An entry of a map whose values are messages. */
  async #entry(span: ByteSpan): Promise<{ readonly key: string; readonly value: ByteSpan }> {
    const { message, spans } = await this.pb.split<{ readonly key: string }>(span, types.MapEntry, [MAP_VALUE]);
    return { key: message.key, value: spans.get(MAP_VALUE)?.[0] ?? { start: span.end, end: span.end } };
  }
}

interface FunctionMessage {
  readonly signature: {
    readonly name: string;
    readonly inputArg: readonly { readonly name: string }[];
    readonly outputArg: readonly { readonly name: string }[];
  } | null;
}

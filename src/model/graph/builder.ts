/**
 * Builds a TensorFlow `GraphDef` node by node, with the protobuf classes that tfjs-node ships. Knows TensorFlow's
 * messages and nothing of VGG-16. Op and attribute names are those of TensorFlow's op definitions.
 */

import { type AttrValue, type NodeDef, proto, type SignatureDef, type TensorInfo } from './proto.js';

/** `DataType` of tensorflow/core/framework/types.proto. */
export const DType = { float32: 1, int32: 3, uint8: 4, bool: 10, bfloat16: 14, half: 19 } as const;
export type DType = (typeof DType)[keyof typeof DType];

/** The value of one node attribute. */
export type Attribute =
  | { readonly type: DType }
  | { readonly shape: readonly number[] }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }
  | { readonly flag: boolean }
  | {
      readonly constant: {
        readonly dtype: DType;
        readonly shape: readonly number[];
        readonly values: readonly number[];
      };
    };

/** The name of a node; `^name` as an input waits for the node without reading it. */
export type Node = string;

/** A signature: feeds and fetches by the names that the caller uses. */
export interface Signature {
  readonly inputs: Readonly<Record<string, { readonly node: Node; readonly dtype: DType }>>;
  /** `output` is the index of the node's output. */
  readonly outputs: Readonly<Record<string, { readonly node: Node; readonly output?: number; readonly dtype: DType }>>;
}

/** The producer version of TensorFlow 2.9's GraphDefs, the oldest runtime in use: newer ones read it. */
const GRAPH_VERSION = 1087;

export class GraphBuilder {
  readonly #graph = new proto.GraphDef();
  readonly #names = new Set<string>();

  constructor() {
    const version = new proto.VersionDef();
    version.setProducer(GRAPH_VERSION);
    this.#graph.setVersions(version);
  }

  /** Adds a node and returns its name. Throws on a name that is taken. */
  node(op: string, name: string, inputs: readonly Node[], attributes: Readonly<Record<string, Attribute>> = {}): Node {
    if (this.#names.has(name)) throw new Error(`Expected a new node name but ${name} is taken.`);
    this.#names.add(name);
    const node: NodeDef = new proto.NodeDef();
    node.setName(name);
    node.setOp(op);
    node.setInputList([...inputs]);
    for (const [key, value] of Object.entries(attributes)) node.getAttrMap().set(key, attributeMessage(value));
    this.#graph.addNode(node);
    return name;
  }

  /** A constant of `values.length` elements, or a scalar for a number. */
  constant(name: string, dtype: DType, values: number | readonly number[]): Node {
    const list = typeof values === 'number' ? [values] : values;
    const shape = typeof values === 'number' ? [] : [list.length];
    return this.node('Const', name, [], {
      dtype: { type: dtype },
      value: { constant: { dtype, shape, values: list } },
    });
  }

  /** A constant int32 matrix. */
  matrix(name: string, rows: readonly (readonly number[])[]): Node {
    const shape = [rows.length, rows[0]?.length ?? 0];
    const constant = { dtype: DType.int32, shape, values: rows.flat() };
    return this.node('Const', name, [], { dtype: { type: DType.int32 }, value: { constant } });
  }

  /** The graph and its signatures as the bytes of a `saved_model.pb`. */
  savedModel(signatures: Readonly<Record<string, Signature>>): Uint8Array {
    const info = new proto.MetaGraphDef.MetaInfoDef();
    info.setTagsList(['serve']);
    const metaGraph = new proto.MetaGraphDef();
    metaGraph.setMetaInfoDef(info);
    metaGraph.setGraphDef(this.#graph);
    for (const [name, signature] of Object.entries(signatures)) {
      metaGraph.getSignatureDefMap().set(name, signatureMessage(signature));
    }
    const model = new proto.SavedModel();
    model.setSavedModelSchemaVersion(1);
    model.addMetaGraphs(metaGraph);
    return model.serializeBinary();
  }
}

/** `x` as another type; `x` itself where it has that type already. */
export function cast(g: GraphBuilder, name: string, x: Node, from: DType, to: DType): Node {
  if (from === to) return x;
  return g.node('Cast', name, [x], { SrcT: { type: from }, DstT: { type: to }, Truncate: { flag: false } });
}

/** `x` in another shape; -1 stands for what is left. */
export function reshape(g: GraphBuilder, name: string, x: Node, shape: readonly number[], dtype: DType): Node {
  const sizes = g.constant(`${name}/shape`, DType.int32, shape);
  return g.node('Reshape', name, [x, sizes], { T: { type: dtype }, Tshape: { type: DType.int32 } });
}

/** `x` with `after` zeros behind its values, one number an axis. */
export function pad(g: GraphBuilder, name: string, x: Node, after: readonly number[], dtype: DType): Node {
  const paddings = g.matrix(
    `${name}/paddings`,
    after.map((count) => [0, count]),
  );
  return g.node('Pad', name, [x, paddings], { T: { type: dtype }, Tpaddings: { type: DType.int32 } });
}

/** Sum, Mean or Max of float32 `x` over one axis, which is then gone. */
export function reduce(g: GraphBuilder, op: 'Sum' | 'Mean' | 'Max', name: string, x: Node, axis: number): Node {
  const axes = g.constant(`${name}/axis`, DType.int32, [axis]);
  return g.node(op, name, [x, axes], {
    T: { type: DType.float32 },
    Tidx: { type: DType.int32 },
    keep_dims: { flag: false },
  });
}

function shapeMessage(shape: readonly number[]) {
  const message = new proto.TensorShape();
  for (const size of shape) {
    const dim = new proto.TensorShape.Dim();
    dim.setSize(size);
    message.addDim(dim);
  }
  return message;
}

function attributeMessage(value: Attribute): AttrValue {
  const message = new proto.AttrValue();
  if ('type' in value) {
    message.setType(value.type);
  } else if ('shape' in value) {
    message.setShape(shapeMessage(value.shape));
  } else if ('int' in value) {
    message.setI(value.int);
  } else if ('ints' in value) {
    const list = new proto.AttrValue.ListValue();
    list.setIList([...value.ints]);
    message.setList(list);
  } else if ('text' in value) {
    message.setS(Buffer.from(value.text).toString('base64'));
  } else if ('flag' in value) {
    message.setB(value.flag);
  } else {
    const { dtype, shape, values } = value.constant;
    const tensor = new proto.Tensor();
    tensor.setDtype(dtype);
    tensor.setTensorShape(shapeMessage(shape));
    if (dtype === DType.float32) tensor.setFloatValList([...values]);
    else tensor.setIntValList([...values]);
    message.setTensor(tensor);
  }
  return message;
}

function signatureMessage({ inputs, outputs }: Signature): SignatureDef {
  const message = new proto.SignatureDef();
  message.setMethodName('tensorflow/serving/predict');
  for (const [key, { node, dtype }] of Object.entries(inputs)) {
    message.getInputsMap().set(key, tensorInfo(`${node}:0`, dtype));
  }
  for (const [key, { node, output = 0, dtype }] of Object.entries(outputs)) {
    message.getOutputsMap().set(key, tensorInfo(`${node}:${output}`, dtype));
  }
  return message;
}

function tensorInfo(name: string, dtype: DType): TensorInfo {
  const info = new proto.TensorInfo();
  info.setName(name);
  info.setDtype(dtype);
  const shape = new proto.TensorShape();
  shape.setUnknownRank(true);
  info.setTensorShape(shape);
  return info;
}

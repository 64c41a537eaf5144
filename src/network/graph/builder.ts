/**
 * Builds a TensorFlow `GraphDef` node by node, with the protobuf classes that tfjs-node ships. Knows TensorFlow's
 * messages and nothing of VGG-16. Op and attribute names are those of TensorFlow's op definitions.
 */

import {
  type Attribute,
  DType,
  type Node,
  nodeMessage,
  type Saver,
  type Signature,
  saverMessage,
  signatureMessage,
} from './messages.js';
import { type FunctionDef, proto } from './proto.js';

export { type Attribute, DType, type Node, type Saver, type Signature, type SignatureTensor } from './messages.js';

export interface SavedModelOptions {
  readonly saver?: Saver;
  /** `VariableDef`s, by which TensorFlow's Python lists the variables. */
  readonly variables?: readonly Uint8Array[];
}

/** The producer version of TensorFlow 2.9's GraphDefs, the oldest runtime in use: newer ones read it. */
const GRAPH_VERSION = 1087;

export class GraphBuilder {
  readonly #graph = new proto.GraphDef();
  readonly #library = new proto.FunctionDefLibrary();
  readonly #names = new Set<string>();

  constructor() {
    const version = new proto.VersionDef();
    version.setProducer(GRAPH_VERSION);
    this.#graph.setVersions(version);
    this.#graph.setLibrary(this.#library);
  }

  /** Adds a node and returns its name. Throws on a name that is taken. */
  node(op: string, name: string, inputs: readonly Node[], attributes: Readonly<Record<string, Attribute>> = {}): Node {
    if (this.#names.has(name)) throw new Error(`Expected a new node name but ${name} is taken.`);
    this.#names.add(name);
    this.#graph.addNode(nodeMessage(op, name, inputs, attributes));
    return name;
  }

  /** Adds a function that nodes may call by its name. */
  define(definition: FunctionDef): void {
    this.#library.addFunction(definition);
  }

  /** A constant text. */
  text(name: string, value: string): Node {
    return this.node('Const', name, [], { dtype: { type: DType.string }, value: { texts: value } });
  }

  /** A constant list of texts. */
  texts(name: string, values: readonly string[]): Node {
    return this.node('Const', name, [], { dtype: { type: DType.string }, value: { texts: values } });
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
  savedModel(signatures: Readonly<Record<string, Signature>>, options: SavedModelOptions = {}): Uint8Array {
    const info = new proto.MetaGraphDef.MetaInfoDef();
    info.setTagsList(['serve']);
    const metaGraph = new proto.MetaGraphDef();
    metaGraph.setMetaInfoDef(info);
    metaGraph.setGraphDef(this.#graph);
    for (const [name, signature] of Object.entries(signatures)) {
      metaGraph.getSignatureDefMap().set(name, signatureMessage(signature));
    }
    const { saver, variables = [] } = options;
    if (saver !== undefined) metaGraph.setSaverDef(saverMessage(saver));
    if (variables.length > 0) {
      const list = new proto.CollectionDef.BytesList();
      list.setValueList(variables.map((bytes) => Buffer.from(bytes).toString('base64')));
      for (const collection of ['variables', 'trainable_variables']) {
        const message = new proto.CollectionDef();
        message.setBytesList(list);
        metaGraph.getCollectionDefMap().set(collection, message);
      }
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

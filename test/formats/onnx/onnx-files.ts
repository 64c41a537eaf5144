/** Changes ONNX files, and makes protobufs by hand. */

import protobuf from 'protobufjs/light.js';
import { type EntryMessage, FIELD, type NodeMessage, ONNX } from '../../../src/formats/onnx/proto.js';

/** A field with its length. */
export function delimited(id: number, content: Uint8Array): Buffer {
  const head = protobuf.Writer.create()
    .uint32((id << 3) | 2)
    .uint32(content.length)
    .finish();
  return Buffer.concat([head, content]);
}

export function message(type: protobuf.Type, value: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(type.encode(value).finish());
}

export interface EditableNode extends NodeMessage {
  readonly attribute: readonly { readonly name: string }[];
}

export interface TensorHeader {
  readonly name: string;
  readonly dims: readonly number[];
}

interface Part {
  readonly id: number;
  /** With tag and length. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** The fields of a message, one after the other. */
function parts(bytes: Buffer): readonly Part[] {
  const reader = protobuf.Reader.create(bytes);
  const found: Part[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    let content = Buffer.alloc(0);
    if ((tag & 7) === 2) content = Buffer.from(reader.bytes());
    else reader.skipType(tag & 7);
    found.push({ id: tag >>> 3, whole: bytes.subarray(start, reader.pos), content });
  }
  return found;
}

export class OnnxFile {
  readonly #model: readonly Part[];
  readonly #graph: readonly Part[];

  constructor(bytes: Buffer) {
    this.#model = parts(bytes);
    this.#graph = parts(this.#model.find(({ id }) => id === FIELD.model.graph)?.content ?? Buffer.alloc(0));
  }

  /** With other entries that say where the data of the tensors are which the file does not hold itself. */
  withExternalData(change: (entry: EntryMessage) => EntryMessage): Buffer {
    return this.#with(({ id, whole, content }) => {
      if (id !== FIELD.graph.initializer) return whole;
      const tensor = ONNX.TensorProto.toObject(ONNX.TensorProto.decode(content), { longs: Number, arrays: true });
      if (tensor.externalData.length === 0) return whole;
      return delimited(id, message(ONNX.TensorProto, { ...tensor, externalData: tensor.externalData.map(change) }));
    });
  }

  /** With the float32 tensors stored in another way: `change` gets name and shape, and the data as they are. */
  withTensors(change: (header: TensorHeader, data: Buffer) => Buffer): Buffer {
    return this.#with(({ id, whole, content }) => {
      if (id !== FIELD.graph.initializer) return whole;
      const { name, dims } = ONNX.TensorProto.toObject(ONNX.TensorProto.decode(content), { longs: Number });
      const data = parts(content).find((part) => part.id === FIELD.tensor.rawData)?.content ?? Buffer.alloc(0);
      return delimited(id, change({ name, dims }, data));
    });
  }

  /** With the one node changed whose name matches. */
  withNode(match: RegExp, change: (node: EditableNode) => EditableNode): Buffer {
    let changed = 0;
    const bytes = this.#with(({ id, whole, content }) => {
      if (id !== FIELD.graph.node) return whole;
      const node = ONNX.NodeProto.toObject(ONNX.NodeProto.decode(content), {
        longs: Number,
        arrays: true,
        defaults: true,
      });
      if (!match.test(node.name)) return whole;
      changed++;
      return delimited(id, message(ONNX.NodeProto, { ...change(node as EditableNode) }));
    });
    if (changed !== 1) throw new Error(`Expected one node as ${match} but there are ${changed}.`);
    return bytes;
  }

  /** Without the text entries, which are a card. */
  withoutMetadata(): Buffer {
    return Buffer.concat(this.#model.filter(({ id }) => id !== 14).map(({ whole }) => whole));
  }

  #with(change: (part: Part) => Buffer): Buffer {
    const graph = Buffer.concat(this.#graph.map(change));
    return Buffer.concat(this.#model.map(({ id, whole }) => (id === FIELD.model.graph ? delimited(id, graph) : whole)));
  }
}

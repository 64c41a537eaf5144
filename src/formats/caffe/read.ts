/**
 * Reads Caffe's `.caffemodel`: a NetParameter with the weights (BVLC/caffe, src/caffe/proto/caffe.proto), in the form of
 * 2014 (`layers`, types as numbers), which the Oxford file has, and in the later one (`layer`, types as names).
 */

import { modelError } from '../../errors.js';
import type { FileRange, Place, WeightType } from '../../network/tensors.js';
import { type ByteSpan, ProtobufFile } from '../shared/protobuf.js';
import type { RandomAccessFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { bytesOf, elementsOf, MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import type { WeightFile } from '../shared/weight-file.js';
import { type CaffeLayer, CaffeNetwork } from './network.js';
import {
  type BlobMessage,
  CAFFE,
  FIELD,
  type LayerMessage,
  type NetMessage,
  V1_TYPES,
  type V1LayerMessage,
} from './proto.js';

/** Layers, at most: VGG-16 has 40 with its data, dropout and losses. */
const MAX_LAYERS = 1000;

/** Whether the first fields of a protobuf are those of a NetParameter: a name, inputs, layers; ONNX begins with a number. */
export function isCaffe(fields: ReadonlySet<string>): boolean {
  return (fields.has('100:2') || fields.has('2:2')) && [...fields].every((field) => NET_FIELDS.has(field));
}

/** name, layers, input, input_dim (packed or not), force_backward, state, debug_info, input_shape, layer. */
const NET_FIELDS: ReadonlySet<string> = new Set([
  '1:2',
  '2:2',
  '3:2',
  '4:0',
  '4:2',
  '5:0',
  '6:2',
  '7:0',
  '8:2',
  '100:2',
]);

/** Names, shapes, places and the network. Throws MODEL_INVALID where it is none of Caffe, or another network. */
export async function readCaffe(file: RandomAccessFile): Promise<WeightFile> {
  const { path, bytes } = file;
  const proto = new ProtobufFile(file);
  const { message: net, spans } = await proto.split<NetMessage>(proto.whole, CAFFE.NetParameter, [
    FIELD.net.layers,
    FIELD.net.layer,
  ]);
  const old = spans.get(FIELD.net.layers) ?? [];
  const current = spans.get(FIELD.net.layer) ?? [];
  if (old.length > 0 && current.length > 0) {
    throw modelError(`Expected the layers of ${path} in one form but it has layers and layer.`);
  }
  if (old.length + current.length > MAX_LAYERS) {
    throw modelError(`Expected at most ${MAX_LAYERS} layers but ${path} has ${old.length + current.length}.`);
  }
  const reader = new LayerReader(proto);
  const layers: CaffeLayer[] = [];
  for (const span of old) layers.push(await reader.old(span));
  for (const span of current) layers.push(await reader.current(span));
  const network = new CaffeNetwork(path, net.input, inputShape(net));
  for (const layer of layers) network.add(layer);
  const { inputSize, steps } = network;
  return {
    path,
    bytes,
    format: 'caffe',
    tensors: layers.flatMap(({ blobs }) => blobs),
    metadata: {},
    steps,
    family: 'caffe',
    ...(inputSize === undefined ? {} : { inputSize }),
  };
}

/** [n, c, h, w] of the input where the net itself says it. */
function inputShape({ inputDim, inputShape: [shape] }: NetMessage): readonly number[] | undefined {
  return shape?.dim ?? (inputDim.length > 0 ? inputDim : undefined);
}

class LayerReader {
  #tensors = 0;

  constructor(readonly proto: ProtobufFile) {}

  async current(span: ByteSpan): Promise<CaffeLayer> {
    const { message, spans } = await this.proto.split<LayerMessage>(span, CAFFE.LayerParameter, [FIELD.layer.blobs]);
    return { ...message, blobs: await this.#blobs(spans.get(FIELD.layer.blobs) ?? [], message.name) };
  }

  async old(span: ByteSpan): Promise<CaffeLayer> {
    const { message, spans } = await this.proto.split<V1LayerMessage>(span, CAFFE.V1LayerParameter, [
      FIELD.v1Layer.blobs,
    ]);
    const type = V1_TYPES[message.type] ?? `number ${message.type}`;
    return { ...message, type, blobs: await this.#blobs(spans.get(FIELD.v1Layer.blobs) ?? [], message.name) };
  }

  async #blobs(spans: readonly ByteSpan[], layer: string): Promise<readonly StoredTensor[]> {
    this.#tensors += spans.length;
    if (this.#tensors > MAX_TENSORS) {
      throw modelError(`Expected at most ${MAX_TENSORS} blobs but ${this.proto.file.path} has more.`);
    }
    const blobs: StoredTensor[] = [];
    for (const span of spans) blobs.push(await this.#blob(span, `${layer}/${blobs.length}`));
    return blobs;
  }

  async #blob(span: ByteSpan, name: string): Promise<StoredTensor> {
    const { path } = this.proto.file;
    const { data, doubleData } = FIELD.blob;
    const { message, spans } = await this.proto.split<BlobMessage>(span, CAFFE.BlobProto, [data, doubleData]);
    const doubles = spans.get(doubleData) ?? [];
    const floats = spans.get(data) ?? [];
    const type: WeightType = doubles.length > 0 ? 'f64' : 'f32';
    const pieces = (doubles.length > 0 ? doubles : floats).map(
      ({ start, end }): FileRange => ({ file: path, offset: start, byteLength: end - start }),
    );
    const shape = shapeOf(message);
    const expected = bytesOf(elementsOf(shape, shown(name), path), type);
    const held = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (held !== expected) {
      throw modelError(
        `Expected ${expected} bytes for ${shown(name)} (${shown(shape)}) in ${path} but it has ${held}.`,
      );
    }
    const [first] = pieces;
    const place: Place =
      pieces.length === 1 && first !== undefined ? { kind: 'range', type, ...first } : { kind: 'pieces', type, pieces };
    return { name, shape, dtype: type === 'f64' ? 'double' : 'float', place };
  }
}

/** Before 2015 every blob had four axes, and those that a kernel or a bias lacks came first. */
function shapeOf({ shape, num, channels, height, width }: BlobMessage): readonly number[] {
  return shape?.dim ?? [num, channels, height, width];
}

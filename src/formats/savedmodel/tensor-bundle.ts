/**
 * Reads the index of TensorFlow's checkpoints, `variables.index`: a table of names with types, shapes and places in the
 * files `variables.data-00000-of-00001` beside it. Layout: tensorflow/core/protobuf/tensor_bundle.proto.
 */

import { modelError, RunError } from '../../errors.js';
import { type Place, WEIGHT_BYTES, type WeightType } from '../../network/tensors.js';
import { messageTypes } from '../shared/protobuf.js';
import { withFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { elementsOf, MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import { readTable } from './sstable.js';

/** In bytes, at most: VGG-16's takes 2 KB. */
const MAX_INDEX_BYTES = 8 * 1024 * 1024;

/** Data files, at most. */
const MAX_SHARDS = 1000;

/** Also a few entries that are no tensors. */
const MAX_ENTRIES = MAX_TENSORS + 10;

/** `DataType` of tensorflow/core/framework/types.proto. */
export const TF_FLOATS: ReadonlyMap<number, WeightType> = new Map([
  [1, 'f32'],
  [2, 'f64'],
  [14, 'bf16'],
  [19, 'f16'],
]);

const types = messageTypes({
  BundleHeaderProto: { numShards: [1, 'int32'], endianness: [2, 'int32'] },
  BundleEntryProto: {
    dtype: [1, 'int32'],
    shape: [2, 'TensorShapeProto'],
    shardId: [3, 'int32'],
    offset: [4, 'int64'],
    size: [5, 'int64'],
    slices: [7, 'bytes', 'repeated'],
  },
  TensorShapeProto: { dim: [2, 'Dim', 'repeated'] },
  Dim: { size: [1, 'int64'] },
  TrackableObjectGraph: { nodes: [1, 'TrackableObject', 'repeated'] },
  TrackableObject: { attributes: [2, 'SerializedTensor', 'repeated'] },
  SerializedTensor: { fullName: [2, 'string'], checkpointKey: [3, 'string'] },
});

interface ObjectGraph {
  readonly nodes: readonly {
    readonly attributes: readonly { readonly fullName: string; readonly checkpointKey: string }[];
  }[];
}

interface Header {
  readonly numShards: number;
  readonly endianness: number;
}

interface Entry {
  readonly dtype: number;
  readonly shape: { readonly dim: readonly { readonly size: number }[] } | null;
  readonly shardId: number;
  readonly offset: number;
  readonly size: number;
  readonly slices: readonly unknown[];
}

export interface TensorBundle {
  /** By the names in the checkpoint: `layer/kernel`, `_operations/1/_kernel/.ATTRIBUTES/VARIABLE_VALUE`. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What the program called its variables, where the checkpoint says that: `layer/kernel` to the names above. */
  readonly programNames: ReadonlyMap<string, string>;
  /** Of all its files. */
  readonly bytes: number;
}

/** The entry that holds the objects of the program that wrote the checkpoint, one text. */
const OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH';

/** Of that text, in bytes, at most: VGG-16's takes 10 KB. */
const MAX_OBJECT_GRAPH_BYTES = 8 * 1024 * 1024;

/** Before the text: its length and a checksum, in bytes, at most. */
const TEXT_HEAD_BYTES = 14;

/** `prefix`: path of the files without `.index` and `.data-…`. Throws MODEL_INVALID where they break the format. */
export async function readTensorBundle(prefix: string): Promise<TensorBundle> {
  const path = `${prefix}.index`;
  const table = await withFile(path, async (file) => {
    if (file.bytes > MAX_INDEX_BYTES)
      throw modelError(`Expected at most ${MAX_INDEX_BYTES} bytes in ${path} but it has ${file.bytes}.`);
    return await file.read(0, file.bytes);
  });
  const [first, ...entries] = readTable(table, path, MAX_ENTRIES);
  if (first?.key !== '') throw modelError(`${path} is damaged: it does not begin with a header.`);
  const header = decode<Header>('BundleHeaderProto', first.value, path);
  if (header.endianness !== 0) throw modelError(`Expected little-endian tensors in ${path}.`);
  const shards = await shardsOf(prefix, header.numShards);
  const tensors = new Map<string, StoredTensor>();
  let programNames: ReadonlyMap<string, string> = new Map();
  for (const { key, value } of entries) {
    if (tensors.has(key)) throw modelError(`The tensor ${shown(key)} occurs twice in ${path}.`);
    const entry = decode<Entry>('BundleEntryProto', value, path);
    if (key === OBJECT_GRAPH) programNames = await readObjectGraph(entry, shards, path);
    else tensors.set(key, parseEntry(key, entry, shards, path));
  }
  return { tensors, programNames, bytes: table.length + shards.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** A list of one text is its length as a varint, a checksum of that, and the text. */
async function readObjectGraph(
  { shardId, offset, size }: Entry,
  shards: readonly Shard[],
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const shard = shards[shardId];
  if (shard === undefined || !(offset >= 0 && size > 0 && offset + size <= shard.bytes)) {
    throw modelError(`${path} is damaged or its data truncated: ${OBJECT_GRAPH} lies outside of its data file.`);
  }
  if (size > MAX_OBJECT_GRAPH_BYTES)
    throw modelError(`Expected at most ${MAX_OBJECT_GRAPH_BYTES} bytes for ${OBJECT_GRAPH} in ${path}.`);
  const bytes = await withFile(shard.path, async (file) => await file.read(offset, size));
  const lengthBytes = bytes.subarray(0, TEXT_HEAD_BYTES).findIndex((byte) => byte < 128) + 1;
  const graph = decode<ObjectGraph>('TrackableObjectGraph', bytes.subarray(lengthBytes + 4), path);
  const names = new Map<string, string>();
  for (const { fullName, checkpointKey } of graph.nodes.flatMap(({ attributes }) => attributes)) {
    if (fullName !== '') names.set(fullName, names.has(fullName) ? '' : checkpointKey);
  }
  return names;
}

function decode<T>(name: keyof typeof types, bytes: Buffer, path: string): T {
  const type = types[name];
  try {
    return type.toObject(type.decode(bytes), { longs: Number, arrays: true, defaults: true }) as T;
  } catch (error) {
    throw modelError(`${path} is damaged: one of its entries is no ${name}.`, { cause: error });
  }
}

interface Shard {
  readonly path: string;
  readonly bytes: number;
}

async function shardsOf(prefix: string, count: number): Promise<readonly Shard[]> {
  if (count < 1 || count > MAX_SHARDS) {
    throw modelError(`Expected 1 to ${MAX_SHARDS} data files for ${prefix}.index but it claims ${count}.`);
  }
  const number = (value: number) => String(value).padStart(5, '0');
  const shards: Shard[] = [];
  for (let i = 0; i < count; i++) {
    const path = `${prefix}.data-${number(i)}-of-${number(count)}`;
    try {
      shards.push(await withFile(path, async ({ bytes }) => ({ path, bytes })));
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      throw modelError(`Expected the data of ${prefix}.index but ${path} is missing or unreadable.`, { cause: error });
    }
  }
  return shards;
}

function parseEntry(key: string, entry: Entry, shards: readonly Shard[], path: string): StoredTensor {
  const label = shown(key);
  const type = TF_FLOATS.get(entry.dtype);
  const shape = (entry.shape?.dim ?? []).map(({ size }) => size);
  const elements = elementsOf(shape, label, path);
  const dtype = type ?? `type ${entry.dtype}`;
  // A variable in slices has its data in other entries; other types than floats are none of ours.
  if (type === undefined || entry.slices.length > 0) return { name: key, shape, dtype, place: undefined };
  const shard = shards[entry.shardId];
  const { offset, size } = entry;
  if (shard === undefined || !(offset >= 0 && size >= 0 && offset + size <= shard.bytes)) {
    throw modelError(`${path} is damaged or its data truncated: ${label} lies outside of its data file.`);
  }
  if (size !== elements * WEIGHT_BYTES[type]) {
    throw modelError(`Expected ${elements * WEIGHT_BYTES[type]} bytes for ${label} in ${path} but it has ${size}.`);
  }
  const place: Place = { kind: 'range', type, file: shard.path, offset, byteLength: size };
  return { name: key, shape, dtype, place };
}

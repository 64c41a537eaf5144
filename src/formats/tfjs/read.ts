/**
 * Reads the `model.json` of TensorFlow.js and the sizes of its shards: layers models, whose topology is a Keras
 * configuration, and graph models, whose topology is a TensorFlow graph. The weights of a group lie one after the other
 * in its shards, which cut them anywhere. Layout: tfjs-core/src/io/types.ts, `ModelJSON`, `WeightsManifestConfig`.
 */

import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { modelError, RunError } from '../../errors.js';
import { type FileRange, type Place, QUANTIZED_BYTES } from '../../network/tensors.js';
import { kerasNetwork } from '../keras/config.js';
import { type Fields, isObject, type KerasLayer } from '../keras/line.js';
import { type TfGraph, TfResolver } from '../savedmodel/tf-graph.js';
import { tfNetwork } from '../savedmodel/tf-network.js';
import {
  elementsOf,
  MAX_TENSORS,
  type OpenFile,
  type StoredTensor,
  shown,
  type WeightFile,
  withFile,
} from '../shared/file.js';
import { DuplicateKeyError, parseUniqueJson } from '../shared/json.js';
import { parseTfjsGraph } from './graph.js';

/** In bytes, at most: VGG-16's takes 20 KB, with a card of 1,000 labels 60. */
export const MAX_MODEL_JSON_BYTES = 16 * 1024 * 1024;

/** Shards of all groups, at most: 553 MB in shards of 4 MB are 139. */
const MAX_SHARDS = 100_000;

/** Whole numbers that are read at once: an order of axes has four, the paddings of one eight. */
const MAX_INTEGERS = 64;

/** Tensors of whole numbers that are read, at most. */
const MAX_INTEGER_TENSORS = 1000;

/** Bytes of the element types that are no weights, and of those that are. */
const BYTES: Readonly<Record<string, number>> = { float32: 4, float16: 2, int32: 4, complex64: 8, bool: 1, uint8: 1 };

/** Names, shapes, places, and the network. Throws MODEL_INVALID where the files break the format. */
export async function readTfjs(file: OpenFile): Promise<WeightFile> {
  const { path } = file;
  if (file.bytes > MAX_MODEL_JSON_BYTES) {
    throw modelError(`Expected at most ${MAX_MODEL_JSON_BYTES} bytes of JSON but ${path} has ${file.bytes}.`);
  }
  const model = parseJson(await file.read(0, file.bytes), path);
  const { modelTopology: topology, weightsManifest: manifest } = model;
  if (!isObject(topology) || !Array.isArray(manifest)) {
    throw modelError(
      `Expected modelTopology and weightsManifest, as TensorFlow.js writes them, but ${path} has other JSON.`,
    );
  }
  const { weights, bytes } = await readManifest(manifest, path);
  const tensors = weights.map(({ tensor }) => tensor);
  const network = Array.isArray(topology.node)
    ? await graphNetwork(model, topology, weights, path)
    : await layersNetwork(topology, tensors, path);
  return { path, bytes: file.bytes + bytes, format: 'tfjs', tensors, metadata: textsOf(model), ...network };
}

type Network = Pick<WeightFile, 'steps' | 'family' | 'inputSize'>;

/** Of a layers model: `{ model_config }` as Keras saves it, or the configuration itself, as TensorFlow.js does. */
async function layersNetwork(topology: Fields, tensors: readonly StoredTensor[], path: string): Promise<Network> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const find = ({ name, path: models }: KerasLayer, weight: string) =>
    byName.get(`${models.join('/')}/${weight}`) ?? byName.get(`${name}/${weight}`);
  return await kerasNetwork(topology.model_config ?? topology, find, path);
}

async function graphNetwork(
  model: Fields,
  topology: Fields,
  weights: readonly Weight[],
  path: string,
): Promise<Network> {
  const byName = new Map(weights.map(({ tensor }) => [tensor.name, tensor]));
  const graph = parseTfjsGraph(topology, byName, await readIntegers(weights, path), path);
  return await tfNetwork(new TfResolver(graph, path), outputsOf(model, graph));
}

/** Nodes that give the model's outputs: its signature's, or those that no node reads. */
function outputsOf({ signature }: Fields, { nodes }: TfGraph): readonly string[] {
  const outputs = isObject(signature) && isObject(signature.outputs) ? Object.values(signature.outputs) : [];
  const names = outputs.flatMap((each) => (isObject(each) && typeof each.name === 'string' ? [each.name] : []));
  if (names.length > 0) return names;
  const read = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map((text) => text.split(':', 1)[0])));
  return [...nodes.values()].filter(({ name, op }) => op !== 'Const' && !read.has(name)).map(({ name }) => name);
}

/** The small tensors of whole numbers by their names. */
async function readIntegers(weights: readonly Weight[], path: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const small = weights.filter(({ integers }) => integers !== undefined);
  if (small.length > MAX_INTEGER_TENSORS) {
    throw modelError(`Expected at most ${MAX_INTEGER_TENSORS} tensors of whole numbers in ${path} but it has more.`);
  }
  const entries: [string, readonly number[]][] = [];
  for (const { tensor, integers = [] } of small) {
    const parts = integers.map(({ file, offset, byteLength }) =>
      withFile(file, async (shard) => await shard.read(offset, byteLength)),
    );
    const bytes = Buffer.concat(await Promise.all(parts));
    entries.push([tensor.name, Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(4 * i))]);
  }
  return new Map(entries);
}

function parseJson(bytes: Buffer, path: string): Fields {
  let value: unknown;
  try {
    value = parseUniqueJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof DuplicateKeyError ? error.message : 'it is damaged or truncated';
    throw modelError(`Expected JSON in ${path} but ${reason}.`, { cause: error });
  }
  if (!isObject(value)) throw modelError(`Expected a JSON object in ${path} but it is ${shown(value)}.`);
  return value;
}

/** This tool's own exports keep their card there. */
function textsOf({ userDefinedMetadata }: Fields): Readonly<Record<string, string>> {
  const entries = isObject(userDefinedMetadata) ? Object.entries(userDefinedMetadata) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

interface Weight {
  readonly tensor: StoredTensor;
  /** Where a small tensor of whole numbers lies: the graph alone reads them, as paddings and orders of axes. */
  readonly integers: readonly FileRange[] | undefined;
}

interface Manifest {
  readonly weights: readonly Weight[];
  /** Of all shards. */
  readonly bytes: number;
}

async function readManifest(groups: readonly unknown[], path: string): Promise<Manifest> {
  const found: Weight[] = [];
  const names = new Set<string>();
  let bytes = 0;
  let shardCount = 0;
  for (const group of groups) {
    const { paths, weights } = isObject(group) ? group : {};
    if (!Array.isArray(paths) || !Array.isArray(weights)) {
      throw modelError(`Expected { paths, weights } in the weightsManifest of ${path} but it is ${shown(group)}.`);
    }
    shardCount += paths.length;
    if (shardCount > MAX_SHARDS || found.length + weights.length > MAX_TENSORS) {
      throw modelError(`Expected at most ${MAX_SHARDS} shards and ${MAX_TENSORS} tensors in ${path} but it has more.`);
    }
    const shards = new Shards(await Promise.all(paths.map((shard) => rangeOf(shard, path))));
    for (const weight of weights) {
      const parsed = parseWeight(weight, shards, path);
      const { name } = parsed.tensor;
      if (names.has(name)) throw modelError(`The tensor ${shown(name)} occurs twice in ${path}.`);
      names.add(name);
      found.push(parsed);
    }
    if (shards.taken !== shards.bytes) {
      const [what, by] =
        shards.taken > shards.bytes
          ? ['truncated', shards.taken - shards.bytes]
          : ['too long', shards.bytes - shards.taken];
      throw modelError(
        `The shards of ${path} are ${what}: expected ${shards.taken} bytes but they have ${shards.bytes}, which differs by ${by}.`,
      );
    }
    bytes += shards.bytes;
  }
  return { weights: found, bytes };
}

/** A whole shard; it lies beside the JSON or below. */
async function rangeOf(shard: unknown, path: string): Promise<FileRange> {
  const relative = typeof shard === 'string' ? normalize(shard) : '..';
  if (isAbsolute(relative) || relative === '..' || relative.startsWith(`..${sep}`) || relative.includes('\0')) {
    throw modelError(`Expected the shards of ${path} in its own folder but one is ${shown(shard)}.`);
  }
  try {
    return await withFile(join(dirname(path), relative), async ({ path: file, bytes }) => {
      return { file, offset: 0, byteLength: bytes };
    });
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    throw modelError(`Expected a shard of ${path} but ${shown(shard)} cannot be read or is missing.`, { cause: error });
  }
}

/** The bytes of a group, which tensors take from the beginning on. */
class Shards {
  readonly bytes: number;
  taken = 0;
  #shard = 0;
  #start = 0;

  constructor(readonly ranges: readonly FileRange[]) {
    this.bytes = ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The next `length` bytes; where there are not so many, what there is. */
  take(length: number): readonly FileRange[] {
    const pieces: FileRange[] = [];
    let missing = length;
    while (missing > 0) {
      const range = this.ranges[this.#shard];
      if (range === undefined) break;
      const byteLength = Math.min(missing, range.byteLength - this.#start);
      if (byteLength > 0) pieces.push({ file: range.file, offset: this.#start, byteLength });
      missing -= byteLength;
      this.#start += byteLength;
      if (this.#start < range.byteLength) continue;
      this.#shard++;
      this.#start = 0;
    }
    this.taken += length;
    return pieces;
  }
}

function parseWeight(weight: unknown, shards: Shards, path: string): Weight {
  const { name, shape, dtype, quantization } = isObject(weight) ? weight : {};
  if (typeof name !== 'string' || typeof dtype !== 'string' || !Array.isArray(shape)) {
    throw modelError(`Expected { name, shape, dtype } in the weightsManifest of ${path} but it is ${shown(weight)}.`);
  }
  const label = shown(name);
  const elements = elementsOf(shape, label, path);
  const quantized = isObject(quantization) ? quantization : undefined;
  const stored = quantized === undefined ? dtype : quantized.dtype;
  const size = typeof stored === 'string' && Object.hasOwn(BYTES, stored) ? BYTES[stored] : undefined;
  if (stored !== 'uint16' && size === undefined) {
    throw modelError(`Expected a dtype of known size for ${label} in ${path} but it is ${shown(stored)}.`);
  }
  const pieces = shards.take(elements * (stored === 'uint16' ? QUANTIZED_BYTES.u16 : (size as number)));
  const place = dtype === 'float32' ? placeOf(stored as string, pieces, quantized, label, path) : undefined;
  const shownType = stored === dtype ? dtype : `${dtype} as ${String(stored)}`;
  const isSmall = dtype === 'int32' && stored === 'int32' && elements <= MAX_INTEGERS;
  return {
    tensor: { name, shape: shape as number[], dtype: shownType, place },
    integers: isSmall ? pieces : undefined,
  };
}

function placeOf(
  stored: string,
  pieces: readonly FileRange[],
  quantization: Fields | undefined,
  label: string,
  path: string,
): Place | undefined {
  if (stored === 'float32' || stored === 'float16') {
    return { kind: 'pieces', type: stored === 'float32' ? 'f32' : 'f16', pieces };
  }
  if (stored !== 'uint8' && stored !== 'uint16') return undefined;
  const { scale, min } = quantization ?? {};
  if (!Number.isFinite(scale) || !Number.isFinite(min)) {
    throw modelError(`Expected scale and min for ${label} in ${path} but they are ${shown(scale)} and ${shown(min)}.`);
  }
  return {
    kind: 'quantized',
    type: stored === 'uint8' ? 'u8' : 'u16',
    pieces,
    scale: [scale as number],
    offset: [min as number],
    axis: 0,
  };
}

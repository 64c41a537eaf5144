/**
 * Reads what torch.save writes: the zip format (PyTorch ≥ 1.6), whose records are stored uncompressed, and the format
 * before it, which torchvision's own files of 2017 still have. Layouts: torch/serialization.py, `_save`, `_legacy_save`.
 */

import { modelError } from '../../errors.js';
import { CARD_RECORD } from '../card/metadata.js';
import { MAX_CARD_BYTES, parseCardRecord } from '../card/parse.js';
import type { RandomAccessFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { LEGACY_PYTORCH_SIGNATURE } from '../shared/signatures.js';
import { MAX_TENSORS } from '../shared/stored-tensor.js';
import type { WeightFile } from '../shared/weight-file.js';
import { Zip } from '../shared/zip.js';
import { unpickle } from './pickle.js';
import { type Storage, type StorageRange, storageBytes, tensorsOf, torchTable } from './state-dict.js';

/** Pickle, in bytes, at most: VGG-16's is 4 KB, a checkpoint's with an optimiser 100 KB. */
export const MAX_PICKLE_BYTES = 4 * 1024 * 1024;

/** Records of a zip, at most: one a storage, and a few about the file. */
const MAX_RECORDS = MAX_TENSORS + 100;

const LEGACY_PROTOCOL = 1001;

/** Names, shapes and places of the tensors. Throws MODEL_INVALID; never runs what the file says. */
export async function readPytorchZip(file: RandomAccessFile): Promise<WeightFile> {
  const { path, bytes } = file;
  const zip = await Zip.open(file, MAX_RECORDS);
  try {
    const { entries } = zip;
    const pickleName = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
    if (pickleName === undefined) throw modelError(`Expected a zip of torch.save but ${path} has no data.pkl.`);
    const root = pickleName.slice(0, -'data.pkl'.length);
    if (entries.has(`${root}constants.pkl`)) {
      throw modelError(
        `Expected a state_dict but ${path} is a TorchScript program, and nothing in a weight file is run.`,
        {
          hint: "torch.save(torch.jit.load('model.pt').state_dict(), 'weights.pth')",
        },
      );
    }
    const placeOf = (name: string) => zip.place(root + name);

    if (entries.has(`${root}byteorder`)) {
      const place = await placeOf('byteorder');
      const order = (await file.read(place.offset, Math.min(place.byteLength, 16))).toString('latin1');
      if (order !== 'little')
        throw modelError(`Expected little-endian tensors in ${path} but its byte order is ${shown(order)}.`);
    }
    const pickle = await placeOf('data.pkl');
    if (pickle.byteLength > MAX_PICKLE_BYTES) {
      throw modelError(
        `Expected a pickle of at most ${MAX_PICKLE_BYTES} bytes but that of ${path} has ${pickle.byteLength}.`,
      );
    }
    const readCard = async () => {
      if (!entries.has(root + CARD_RECORD)) return {};
      const { offset, byteLength } = await placeOf(CARD_RECORD);
      if (byteLength > MAX_CARD_BYTES) {
        throw modelError(`Expected a card of at most ${MAX_CARD_BYTES} bytes but that of ${path} has ${byteLength}.`);
      }
      return parseCardRecord((await file.read(offset, byteLength)).toString('utf8'), path);
    };
    const { value } = unpickle(await file.read(pickle.offset, pickle.byteLength), 0, torchTable(new Map(), path), path);
    const tensors = await tensorsOf(value, (storage) => placeOf(`data/${storage.key}`), path);
    return { path, bytes, format: 'pytorch', tensors, metadata: await readCard() };
  } finally {
    zip.close();
  }
}

/**
 * Four pickles (magic, protocol, system, the value), one with the keys of the storages, then for each key its number of
 * elements as 64 bits and its elements.
 */
export async function readPytorchLegacy(file: RandomAccessFile): Promise<WeightFile> {
  const { path, bytes } = file;
  const start = await file.read(0, Math.min(bytes, MAX_PICKLE_BYTES));
  const storages = new Map<string, Storage>();
  const table = torchTable(storages, path);
  let position = LEGACY_PYTORCH_SIGNATURE.length;
  const next = (): unknown => {
    const { value, end } = unpickle(start, position, table, path);
    position = end;
    return value;
  };

  const protocol = next();
  if (protocol !== LEGACY_PROTOCOL)
    throw modelError(`Expected protocol ${LEGACY_PROTOCOL} of torch.save in ${path} but it is ${shown(protocol)}.`);
  const system = next();
  if (!(system instanceof Map) || system.get('little_endian') !== true)
    throw modelError(`Expected little-endian tensors in ${path}.`);
  const value = next();
  const places = await legacyPlaces(next(), storages, position, file);
  const tensors = await tensorsOf(value, async ({ key }) => places.get(key) as StorageRange, path);
  return { path, bytes, format: 'pytorch', tensors, metadata: {} };
}

async function legacyPlaces(
  keys: unknown,
  storages: ReadonlyMap<string, Storage>,
  start: number,
  file: RandomAccessFile,
): Promise<ReadonlyMap<string, StorageRange>> {
  const { path, bytes } = file;
  const places = new Map<string, StorageRange>();
  if (!Array.isArray(keys) || new Set(keys).size !== storages.size || keys.length !== storages.size) {
    throw modelError(`Expected the keys of ${storages.size} storages in ${path} but they are ${shown(keys)}.`);
  }
  let position = start;
  for (const key of keys) {
    const storage = storages.get(key);
    if (storage === undefined) throw modelError(`${path} stores ${shown(key)}, which no tensor of it uses.`);
    const elements = (await file.read(position, 8)).readBigUInt64LE();
    if (elements !== BigInt(storage.elements)) {
      throw modelError(
        `Expected ${storage.elements} elements in the storage ${shown(key)} of ${path} but it has ${elements}.`,
      );
    }
    const place = { offset: position + 8, byteLength: storageBytes(storage) };
    position = place.offset + place.byteLength;
    if (position > bytes)
      throw modelError(`${path} is truncated: ${position - bytes} bytes of its storage ${shown(key)} are missing.`);
    places.set(key, place);
  }
  if (position < bytes)
    throw modelError(`${path} has ${bytes - position} bytes after its last storage, expected none.`);
  return places;
}

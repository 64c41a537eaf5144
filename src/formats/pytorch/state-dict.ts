/** What a pickle of torch.save may refer to, and the tensors of the state_dict in it. Nothing else is let through. */

import { modelError } from '../../errors.js';
import type { WeightType } from '../../network/tensors.js';
import { shown } from '../shared/shown.js';
import { elementsOf, MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import { isGlobal, PickleDict, type PickleGlobal, type PickleTable } from './pickle.js';

/** A block of elements beside the pickle. */
export interface Storage {
  readonly key: string;
  /** torch's name: FloatStorage … */
  readonly dtype: string;
  readonly elements: number;
}

/** Where a storage's bytes lie in the file. */
export interface StorageRange {
  readonly offset: number;
  readonly byteLength: number;
}

interface StorageType {
  readonly bytes: number;
  readonly type?: WeightType;
}

const STORAGES: Readonly<Record<string, StorageType>> = {
  DoubleStorage: { bytes: 8, type: 'f64' },
  FloatStorage: { bytes: 4, type: 'f32' },
  HalfStorage: { bytes: 2, type: 'f16' },
  BFloat16Storage: { bytes: 2, type: 'bf16' },
  LongStorage: { bytes: 8 },
  IntStorage: { bytes: 4 },
  ShortStorage: { bytes: 2 },
  CharStorage: { bytes: 1 },
  ByteStorage: { bytes: 1 },
  BoolStorage: { bytes: 1 },
};

class StorageReference {
  constructor(readonly storage: Storage) {}
}

class TensorReference {
  constructor(
    readonly storage: Storage,
    /** In elements, from the start of the storage. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly unknown[],
  ) {}
}

/** Bytes of a storage whose elements are all there. */
export function storageBytes({ dtype, elements }: Storage): number {
  return elements * (STORAGES[dtype]?.bytes ?? 0);
}

/** The whitelist. Every storage that the pickle mentions is put into `storages`. */
export function torchTable(storages: Map<string, Storage>, path: string): PickleTable {
  const damaged = (what: string) => modelError(`Expected a pickle of tensors in ${path} but ${what}.`);

  function rebuildTensor([reference, offset, shape, strides]: readonly unknown[]): TensorReference {
    if (!(reference instanceof StorageReference)) throw damaged('a tensor has no storage');
    if (!Array.isArray(shape) || !Array.isArray(strides) || shape.length !== strides.length) {
      throw damaged(`a tensor has the shape ${shown(shape)} and the strides ${shown(strides)}`);
    }
    elementsOf(shape, 'a tensor', path);
    if (!Number.isSafeInteger(offset) || (offset as number) < 0)
      throw damaged(`a tensor starts at element ${shown(offset)}`);
    return new TensorReference(reference.storage, offset as number, shape, strides);
  }

  /** Empty, or, as Python 2 wrote it, with a list of [key, value]. */
  function orderedDict([pairs = []]: readonly unknown[]): PickleDict {
    const dict = new PickleDict();
    if (!Array.isArray(pairs)) throw damaged('an OrderedDict has no list of its items');
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) throw damaged(`an item of an OrderedDict is ${shown(pair)}`);
      if (dict.has(pair[0])) throw damaged(`the key ${shown(pair[0])} occurs twice`);
      dict.set(pair[0], pair[1]);
    }
    return dict;
  }

  const globals: Readonly<Record<string, PickleGlobal>> = Object.fromEntries(
    (
      [
        ['collections.OrderedDict', orderedDict],
        ['torch._utils._rebuild_tensor_v2', rebuildTensor],
        // Before PyTorch 0.4, as in torchvision's own files of 2017.
        ['torch._utils._rebuild_tensor', rebuildTensor],
        ['torch._utils._rebuild_parameter', ([tensor]: readonly unknown[]) => tensor],
        ...Object.keys(STORAGES).flatMap((name) => [[`torch.${name}`], [`torch.cuda.${name}`]]),
      ] as [string, PickleGlobal['call']?][]
    ).map(([name, call]) => [name, call === undefined ? { name } : { name, call }]),
  );

  return {
    resolve(name) {
      const global = Object.hasOwn(globals, name) ? globals[name] : undefined;
      if (global === undefined) {
        throw modelError(`${path} asks to run ${shown(name).slice(1, -1)}, and nothing in a weight file is run.`, {
          hint: "Expected a state_dict: torch.save(model.state_dict(), 'weights.pth') in the program that made the model.",
        });
      }
      return global;
    },
    load(id) {
      const [kind, type, key, , elements, view] = Array.isArray(id) ? id : [];
      const dtype = isGlobal(type) ? type.name.slice(type.name.lastIndexOf('.') + 1) : '';
      if (kind !== 'storage' || !Object.hasOwn(STORAGES, dtype) || typeof key !== 'string') {
        throw damaged(`it refers to ${shown(id)}, which is no storage`);
      }
      if (!Number.isSafeInteger(elements) || elements < 0) throw damaged(`a storage has ${shown(elements)} elements`);
      if (view !== undefined && view !== null) throw damaged('a storage is a view of another one');
      const storage = storages.get(key) ?? { key, dtype, elements };
      if (storage.dtype !== dtype || storage.elements !== elements)
        throw damaged(`the storage ${shown(key)} is described twice`);
      storages.set(key, storage);
      return new StorageReference(storage);
    },
  };
}

/** Keys under which training programs put the state_dict of a checkpoint. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model'];

/** Prefixes that DataParallel, torch.compile and Lightning put before every name. */
const PREFIX = /^(?:module\.|model\.|_orig_mod\.)+/;

/** The tensors of the state_dict in `value`, with their places in the file. */
export async function tensorsOf(
  value: unknown,
  placeOf: (storage: Storage) => Promise<StorageRange>,
  path: string,
): Promise<readonly StoredTensor[]> {
  const found = [...stateDictOf(value, path)].filter((entry): entry is [string, TensorReference] => {
    return typeof entry[0] === 'string' && entry[1] instanceof TensorReference;
  });
  if (found.length > MAX_TENSORS)
    throw modelError(`Expected at most ${MAX_TENSORS} tensors but ${path} has ${found.length}.`);
  const prefixed = found.every(([name]) => PREFIX.test(name));
  const tensors: StoredTensor[] = [];
  for (const [key, tensor] of found) {
    const name = prefixed ? key.replace(PREFIX, '') : key;
    tensors.push(locate(name, tensor, await placeOf(tensor.storage), path));
  }
  return tensors;
}

function stateDictOf(value: unknown, path: string): PickleDict {
  const candidates = value instanceof PickleDict ? [value, ...WRAPPERS.map((key) => value.get(key))] : [];
  for (const candidate of candidates) {
    if (candidate instanceof PickleDict && [...candidate.values()].some((entry) => entry instanceof TensorReference))
      return candidate;
  }
  throw modelError(
    `Expected a state_dict in ${path}, itself or under ${WRAPPERS.join(', ')}, but it has none: ${shownKeys(value)}.`,
  );
}

function shownKeys(value: unknown): string {
  if (!(value instanceof PickleDict)) return `it is ${value instanceof TensorReference ? 'one tensor' : shown(value)}`;
  return `its keys are ${shown([...value.keys()])}`;
}

function locate(
  name: string,
  { storage, offset, shape, strides }: TensorReference,
  place: StorageRange,
  path: string,
): StoredTensor {
  const { bytes, type } = STORAGES[storage.dtype] as StorageType;
  const byteLength = elementsOf(shape, shown(name), path) * bytes;
  if (!isContiguous(shape, strides)) {
    throw modelError(
      `Expected ${shown(name)} in ${path} to be contiguous but its shape ${shown(shape)} has the strides ${shown(strides)}.`,
      {
        hint: 'Re-save it: torch.save({k: v.contiguous() for k, v in state_dict.items()}, …).',
      },
    );
  }
  const end = offset * bytes + byteLength;
  if (end > place.byteLength) {
    throw modelError(
      `Expected ${end} bytes in the storage of ${shown(name)} in ${path} but it has ${place.byteLength}.`,
    );
  }
  const range = { file: path, offset: place.offset + offset * bytes, byteLength };
  return {
    name,
    shape,
    dtype: `torch.${storage.dtype}`,
    place: type === undefined ? undefined : { kind: 'range', type, ...range },
  };
}

/** Row-major without gaps; the stride of an axis of one element says nothing. */
function isContiguous(shape: readonly number[], strides: readonly unknown[]): boolean {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size === 0) return true;
    if (size !== 1 && strides[axis] !== stride) return false;
    stride *= size;
  }
  return true;
}

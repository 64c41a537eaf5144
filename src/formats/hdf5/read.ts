/**
 * Reads HDF5 through libhdf5 (h5wasm), in a thread of its own: on damaged files it may run into a trap, want any amount of
 * memory, or never come back, and the thread can be ended. Only plain data come out. The bytes may be a part of a file, a
 * member of a zip that is stored as it is; nothing is copied and no dataset held whole but in the result.
 */

import { Worker } from 'node:worker_threads';
import { modelError, type RunError } from '../../errors.js';
import { type Hdf5Place, WEIGHT_BYTES, type WeightType } from '../../network/tensors.js';
import { shown } from '../shared/shown.js';
import { elementsOf } from '../shared/stored-tensor.js';

/** Where the bytes of an HDF5 file lie. */
export interface Hdf5Source {
  readonly file: string;
  readonly start: number;
  readonly byteLength: number;
}

/** What a file starts with. */

/** A dataset, checked against the file's size. */
export interface Hdf5Dataset {
  /** From the root: /layers/conv2d/vars/0. */
  readonly path: string;
  readonly shape: readonly number[];
  /** The type as messages and listings have it: float32, integer (8 bytes) … */
  readonly dtype: string;
  /** `undefined` for what is no floating-point number. */
  readonly place: Hdf5Place | undefined;
}

export interface Hdf5Tree {
  /** In the order of the file, by their paths from the root, which is '/'. */
  readonly groups: ReadonlyMap<string, Hdf5Group>;
  readonly datasets: ReadonlyMap<string, Hdf5Dataset>;
}

export interface Hdf5Group {
  /** The texts among its attributes, one or a list. */
  readonly attributes: ReadonlyMap<string, string | readonly string[]>;
}

/** To the thread. */
export type Hdf5Request = Hdf5Source &
  (
    | { readonly kind: 'tree' }
    | {
        readonly kind: 'slice';
        readonly dataset: string;
        /** Into the dataset, in bytes, at the beginning of a row. */
        readonly offset: number;
        /** Of the whole dataset, in bytes. */
        readonly expected: number;
      }
  );

export interface Hdf5Attribute {
  readonly name: string;
  readonly texts: readonly string[];
  readonly isList: boolean;
}

/** From the thread: a group or a dataset. */
export interface Hdf5Node {
  readonly path: string;
  readonly attributes: readonly Hdf5Attribute[];
  readonly dataset:
    | {
        readonly isFloat: boolean;
        /** H5T_class_t. */
        readonly class: number;
        /** Of an element, in bytes. */
        readonly size: number;
        readonly shape: readonly number[];
        readonly isChunked: boolean;
      }
    | undefined;
}

type Hdf5Reply =
  | { readonly tree: readonly Hdf5Node[] }
  | { readonly bytes: ArrayBuffer }
  | { readonly error: string; readonly broken: boolean };

/** For one answer of the thread, in milliseconds: a tree takes 0.05 s, a slice what the disk takes. */
const TIME_LIMIT_MS: Readonly<Record<Hdf5Request['kind'], number>> = { tree: 10_000, slice: 60_000 };

/** The thread and libhdf5's memory stay for the next file or tensor as long as this, in milliseconds. */
const IDLE_MS = 2_000;

/** A compressed dataset may be so many times as large as its file; weights do not shrink to a half. */
const MAX_EXPANSION = 16;

const FLOATS: ReadonlyMap<number, WeightType> = new Map([
  [2, 'f16'],
  [4, 'f32'],
  [8, 'f64'],
]);

const CLASSES = ['integer', 'float', 'time', 'string', 'bit field', 'opaque', 'compound', 'reference', 'enumeration'];

export interface Hdf5Options {
  /** For one answer of libhdf5, in milliseconds. */
  readonly timeLimit?: number;
}

/** Groups, their texts, and datasets. Throws MODEL_INVALID where libhdf5 cannot read the file, or does not come back. */
export async function readHdf5Tree(source: Hdf5Source, options: Hdf5Options = {}): Promise<Hdf5Tree> {
  const reply = await ask({ kind: 'tree', ...only(source) }, options);
  if (!('tree' in reply)) throw damaged(source.file, 'it gives no answer');
  const groups = new Map<string, Hdf5Group>();
  const datasets = new Map<string, Hdf5Dataset>();
  for (const { path, attributes, dataset } of reply.tree) {
    if (dataset !== undefined) datasets.set(path, datasetOf(path, dataset, source));
    else {
      const entries = attributes.map(({ name, texts, isList }) => [name, isList ? texts : (texts[0] ?? '')] as const);
      groups.set(path, { attributes: new Map(entries) });
    }
  }
  return { groups, datasets };
}

function datasetOf(path: string, found: NonNullable<Hdf5Node['dataset']>, source: Hdf5Source): Hdf5Dataset {
  const { file, byteLength } = source;
  const { shape, size, isChunked } = found;
  const type = found.isFloat ? FLOATS.get(size) : undefined;
  if (type === undefined) {
    return { path, shape, dtype: `${CLASSES[found.class] ?? 'other'} (${size} bytes)`, place: undefined };
  }
  const bytes = elementsOf(shape, shown(path), file) * WEIGHT_BYTES[type];
  if (bytes > byteLength * (isChunked ? MAX_EXPANSION : 1)) {
    throw damaged(file, `its dataset ${shown(path)} claims ${bytes} bytes, more than the file holds`);
  }
  return { path, shape, dtype: `float${size * 8}`, place: { kind: 'hdf5', type, ...only(source), dataset: path } };
}

/** The bytes of a dataset, little-endian; they must be `expected`. */
export async function readHdf5(place: Hdf5Place, expected: number): Promise<ArrayBuffer> {
  const result = new Uint8Array(expected);
  for (let offset = 0; offset < expected; ) {
    const reply = await ask({ kind: 'slice', ...only(place), dataset: place.dataset, offset, expected });
    if (!('bytes' in reply) || reply.bytes.byteLength === 0 || reply.bytes.byteLength > expected - offset) {
      throw damaged(place.file, 'libhdf5 gives no data');
    }
    result.set(new Uint8Array(reply.bytes), offset);
    offset += reply.bytes.byteLength;
  }
  return result.buffer;
}

const only = ({ file, start, byteLength }: Hdf5Source): Hdf5Source => ({ file, start, byteLength });

function damaged(file: string, why: string): RunError {
  return modelError(`${file} is damaged or truncated: as HDF5, ${why}.`);
}

let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
let last: Promise<unknown> = Promise.resolve();

/** One after the other: the time of a request begins when libhdf5 does. */
function ask(request: Hdf5Request, options: Hdf5Options = {}): Promise<Hdf5Reply> {
  const answer = last.then(() => answerOf(request, options));
  last = answer.catch(() => {});
  return answer;
}

async function answerOf(request: Hdf5Request, options: Hdf5Options): Promise<Hdf5Reply> {
  const { timeLimit = TIME_LIMIT_MS[request.kind] } = options;
  clearTimeout(idle);
  // The listener is for errors between requests: there is nobody to tell, and the next request finds out.
  worker ??= new Worker(new URL('./thread.js', import.meta.url)).on('error', () => {});
  const thread = worker;
  const reply = await replyOf(thread, request, timeLimit);
  if ('error' in reply && reply.broken) await end(thread);
  else idle = setTimeout(() => void end(thread), IDLE_MS).unref();
  if ('error' in reply) throw damaged(request.file, shown(reply.error).slice(1, -1));
  return reply;
}

/** Whatever the thread does: an answer, an end, or nothing. */
function replyOf(thread: Worker, request: Hdf5Request, timeLimit: number): Promise<Hdf5Reply> {
  return new Promise<Hdf5Reply>((resolve) => {
    const settle = (reply: Hdf5Reply) => {
      clearTimeout(timer);
      thread.off('message', settle).off('error', onError).off('exit', onExit);
      thread.unref();
      resolve(reply);
    };
    const onError = (error: Error) => settle({ error: error.message, broken: true });
    const onExit = () => onError(new Error("libhdf5's thread ended"));
    const timer = setTimeout(() => onError(new Error(`libhdf5 did not come back in ${timeLimit} ms`)), timeLimit);
    thread.on('message', settle).on('error', onError).on('exit', onExit);
    thread.ref();
    thread.postMessage(request);
  });
}

async function end(thread: Worker): Promise<void> {
  if (worker === thread) worker = undefined;
  await thread.terminate();
}

/** What a caller may give as an image: a path, bytes or a stream → entries of the pipeline's list. */

import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';
import { ImageError, RunError, usageError } from '../errors.js';
import type { ImageFile, ImageList } from '../images/list/find.js';
import { checkWhole, type FindOptions, type Resolved } from './options.js';

/** An image's encoded bytes: JPEG, PNG … */
export type ImageBytes = Uint8Array | Readable | ReadableStream<Uint8Array>;

/** Bytes with the name that their row is to have as its path. */
export interface NamedImage {
  readonly name: string;
  readonly data: ImageBytes;
}

/** One image: a path, the URL object of a file, or its bytes. */
export type ImageInput = string | URL | ImageBytes | NamedImage;

/** What `classify` and `extract` take: where one image is a path, that may be a folder, a glob or an archive, too. */
export type ImageInputs = ImageInput | Iterable<ImageInput> | AsyncIterable<ImageInput>;

/** The list that the pipeline reads. */
export type Images = Pick<ImageList, 'total' | 'files'>;

/** An image as it is loaded, and its name. */
export type Source = Pick<ImageFile, 'file' | 'path' | 'member' | 'failure'>;

type Choice = Resolved<FindOptions>;

/** Names of bytes that have none. */
const BUFFER = '<buffer>';
const STREAM = '<stream>';

/** Largest image that is taken from a stream, in bytes: as of a file. */
const MAX_STREAM_BYTES = 1024 ** 3;

/**
 * The images of `inputs`. Paths alone are listed as the command lists them: sorted, each file once. Where there are bytes
 * among them, or where they come one by one, all keep the order in which they are given. Throws NO_INPUTS for paths
 * that name no image.
 */
export async function imagesOf(inputs: ImageInputs, options: Choice): Promise<Images> {
  checkWhole('limit', options.limit, 1);
  checkShard(options.shard);
  const list = isOne(inputs) ? [inputs] : Array.isArray(inputs) || inputs instanceof Set ? [...inputs] : inputs;
  if (Array.isArray(list) && list.length > 0 && list.every(isPath)) {
    const { limit, shard } = options;
    return findPaths(list, options, {
      ...(limit === undefined ? {} : { limit }),
      ...(shard === undefined ? {} : { shard }),
    });
  }
  return { total: undefined, files: inOrder(list, options) };
}

/** One image to load. Rejects with USAGE for what can be no image. */
export async function sourceOf(input: ImageInput): Promise<Source> {
  if (isPath(input)) {
    const path = pathOf(input);
    return { file: Buffer.from(path), path };
  }
  const { name, data } = isNamed(input) ? input : { name: nameOf(input), data: input };
  const content = await contentOf(data);
  const size = content instanceof ImageError ? 0 : content.length;
  // The way of a file in an archive, whose bytes have been read, too.
  return { file: Buffer.from(name), path: name, member: { content, size, archiveMtimeNs: 0n } };
}

async function* inOrder(
  inputs: Iterable<ImageInput> | AsyncIterable<ImageInput>,
  options: Choice,
): AsyncGenerator<ImageFile> {
  const { limit = Number.POSITIVE_INFINITY, shard = { index: 1, count: 1 } } = options;
  let index = 0;
  for await (const input of inputs) {
    for await (const source of isPath(input) ? foundAt(input, options) : [await sourceOf(input)]) {
      if (index % shard.count === shard.index - 1) yield { ...source, index };
      index += 1;
      if (index === limit) return;
    }
  }
}

/** The images at a path; where there is none it has a row that says so, for others may come after it. */
async function* foundAt(input: string | URL, options: Choice): AsyncGenerator<Source> {
  try {
    const { files } = await findPaths([input], options);
    yield* files;
  } catch (error) {
    if (!(error instanceof RunError) || error.code !== 'NO_INPUTS') throw error;
    const path = pathOf(input);
    yield { file: Buffer.from(path), path, failure: new ImageError('NOT_FOUND', error.message) };
  }
}

async function findPaths(
  paths: readonly (string | URL)[],
  { recursive, extensions, exclude = [], followSymlinks, relativeTo = process.cwd(), absolute }: Choice,
  part: { readonly limit?: number; readonly shard?: { readonly index: number; readonly count: number } } = {},
): Promise<Images> {
  const { findImages } = await import('../images/list/find.js');
  return findImages({
    inputs: paths.map(pathOf),
    nullSeparated: false,
    recursive,
    extensions,
    exclude,
    followSymlinks,
    relativeTo,
    absolute,
    ...part,
  });
}

function isOne(inputs: ImageInputs): inputs is ImageInput {
  return isPath(inputs) || isBytes(inputs) || isNamed(inputs);
}

function isPath(input: unknown): input is string | URL {
  return typeof input === 'string' || input instanceof URL;
}

function isBytes(input: unknown): input is ImageBytes {
  return input instanceof Uint8Array || input instanceof Readable || input instanceof ReadableStream;
}

function isNamed(input: unknown): input is NamedImage {
  return typeof input === 'object' && input !== null && 'data' in input && 'name' in input;
}

function pathOf(input: string | URL): string {
  if (typeof input === 'string') return input;
  if (input.protocol === 'file:') return fileURLToPath(input);
  throw usageError(
    `Expected the URL of a file but received ${input.href}.`,
    'Fetch it, and give the bytes of the response.',
  );
}

function nameOf(data: unknown): string {
  return data instanceof Uint8Array ? BUFFER : STREAM;
}

function checkShard(shard: FindOptions['shard']): void {
  if (shard === undefined) return;
  checkWhole('shard.count', shard.count, 1);
  checkWhole('shard.index', shard.index, 1);
  if (shard.index > shard.count) {
    throw usageError(`Expected at most ${shard.count} as shard.index but received ${shard.index}.`);
  }
}

async function contentOf(data: unknown): Promise<Buffer | ImageError> {
  if (!isBytes(data)) {
    throw usageError(`Expected an image as a path, a file: URL, bytes or a stream but received ${kindOf(data)}.`);
  }
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of data as AsyncIterable<unknown>) {
      if (!(chunk instanceof Uint8Array)) return unreadable(`it gave ${kindOf(chunk)} instead of bytes`);
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_STREAM_BYTES) {
        return new ImageError('TOO_LARGE', `Expected at most ${MAX_STREAM_BYTES} bytes but the stream has more.`);
      }
    }
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error), error);
  }
  return Buffer.concat(chunks);
}

function unreadable(why: string, cause?: unknown): ImageError {
  return new ImageError('UNREADABLE', `Expected a stream that can be read to its end but ${why}.`, cause);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? `an object (${value.constructor?.name ?? 'without a class'})` : typeof value;
}

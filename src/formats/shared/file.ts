/** What every reader of weight files returns: names, shapes and places, never the data. Files are hostile until parsed. */

import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ExitCode, modelError, RunError } from '../../errors.js';
import { type Place, WEIGHT_BYTES, type WeightType } from '../../network/tensors.js';
import type { Step } from './steps.js';

/** A tensor as its file describes it; its place has been checked against the file's size. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The file's own name of the element type: F32, torch.LongStorage … */
  readonly dtype: string;
  /** `undefined` for a type that no weight has (integers, booleans). */
  readonly place: Place | undefined;
}

/** What wrote a weight file. */
export type ModelFormat = 'safetensors' | 'pytorch' | 'keras' | 'onnx' | 'tfjs' | 'caffe' | 'savedmodel';

/** Whose network the names in a file are of: it decides what the images must look like where nothing else says so. */
export type Family = 'torch' | 'keras' | 'caffe' | 'mxnet';

export interface WeightFile {
  readonly path: string;
  readonly bytes: number;
  readonly format: ModelFormat;
  /** In the order of the file. */
  readonly tensors: readonly StoredTensor[];
  /** The file's own text entries; empty where the format has none. This tool's exports have `format`, `version`, `card`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The network as the file describes it; without it the names of the tensors say which layer is which. */
  readonly steps?: readonly Step[];
  /** Where it is known from the names or the format. */
  readonly family?: Family;
  /** Side of the square input that the file asks for, in pixels, where it does. */
  readonly inputSize?: number;
  /** The file's own labels, in class order, where it has some. */
  readonly labels?: readonly string[];
}

/** An open weight file, for its reader. */
export interface OpenFile {
  readonly path: string;
  readonly bytes: number;
  /** Exactly `length` bytes from `offset`; throws where the file ends before. Check `length` against a limit first. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Tensors in one file, at most: VGG-16 has 32, a training checkpoint a few hundred. */
export const MAX_TENSORS = 10_000;

/** Axes of a tensor, at most: a convolution's kernel has four. */
export const MAX_AXES = 8;

/** Opens `path` for `use` and closes it afterwards. Throws MODEL_NOT_FOUND or MODEL_INVALID where it is no readable file. */
export async function withFile<T>(path: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    // Before opening: to open a named pipe is to wait for its writer.
    const { size } = await checkFile(path);
    const opened = await open(path, 'r');
    handle = opened;
    return await use({ path, bytes: size, read: (offset, length) => readExactly(opened, path, offset, length) });
  } catch (error) {
    throw error instanceof RunError ? error : unreadable(path, error);
  } finally {
    await handle?.close();
  }
}

async function checkFile(path: string): Promise<Stats> {
  const found = await stat(path);
  if (!found.isFile()) {
    const kind = found.isDirectory() ? 'a directory' : 'not a regular file';
    throw modelError(`Expected a weight file but ${path} is ${kind}.`);
  }
  return found;
}

function unreadable(path: string, error: unknown): RunError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    return new RunError('MODEL_NOT_FOUND', `Expected a weight file but there is no ${path}.`, {
      exitCode: ExitCode.Model,
      cause: error,
    });
  }
  const reason = code === 'EACCES' ? 'permission denied' : message;
  return modelError(`Expected to read ${path} but failed: ${reason}.`, { cause: error });
}

async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) {
      throw modelError(
        `${path} is truncated: expected ${length} bytes at byte ${offset} but ${length - done} are missing.`,
      );
    }
    done += bytesRead;
  }
  return buffer;
}

/** Elements of a tensor of `shape`; throws where an axis is no count, there are too many, or the product is inexact. */
export function elementsOf(shape: readonly unknown[], name: string, path: string): number {
  if (shape.length > MAX_AXES) {
    throw modelError(`Expected at most ${MAX_AXES} axes for ${name} in ${path} but it has ${shape.length}.`);
  }
  let elements = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || (size as number) < 0) {
      throw modelError(`Expected counts as the shape of ${name} in ${path} but it holds ${shown(size)}.`);
    }
    elements *= size as number;
    if (!Number.isSafeInteger(elements))
      throw modelError(`The shape of ${name} in ${path} is too large: ${shown(shape)}.`);
  }
  return elements;
}

/** `elements` of `type` in bytes. */
export function bytesOf(elements: number, type: WeightType): number {
  return elements * WEIGHT_BYTES[type];
}

/**
 * A value from a file for a message: short, on one line, without control characters. Looks one level deep only: what a
 * file nests or shares a million times is not followed.
 */
export function shown(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.slice(0, SHOWN_ITEMS).map((item) => (Array.isArray(item) ? '[…]' : shown(item)));
    return `[${items.join(', ')}${value.length > SHOWN_ITEMS ? ', …' : ''}]`;
  }
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = (typeof value === 'string' ? JSON.stringify(value) : String(value)).replace(UNPRINTABLE, escaped);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** Controls that JSON.stringify leaves (DEL, C1), and what reorders or breaks lines: a terminal must not get them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}

const SHOWN_ITEMS = 6;
const SHOWN_CHARACTERS = 80;

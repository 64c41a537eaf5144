/** Reads the header of a safetensors file. The tensors cover the data after it without gap or overlap. */

import { modelError } from '../../errors.js';
import type { FileRange, WeightType } from '../../network/tensors.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES, METADATA_KEY } from '../../safetensors-header.js';
import type { RandomAccessFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { bytesOf, elementsOf, MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import { DuplicateKeyError, parseUniqueJson } from '../shared/unique-json.js';
import type { WeightFile } from '../shared/weight-file.js';
import { withScales } from './int8-scales.js';

const FLOATS: Readonly<Record<string, WeightType>> = { F64: 'f64', F32: 'f32', F16: 'f16', BF16: 'bf16' };

/** Bits of the format's other element types; they are described, never read. */
const OTHER_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  I32: 32,
  U32: 32,
  I64: 64,
  U64: 64,
  C64: 64,
};

/** Names, shapes and places of the tensors. Throws MODEL_INVALID where the file breaks the format. */
export async function readSafetensors(file: RandomAccessFile): Promise<WeightFile> {
  const { path, bytes } = file;
  if (bytes < LENGTH_BYTES) {
    throw modelError(
      `${path} is truncated: expected at least ${LENGTH_BYTES} bytes of safetensors but it has ${bytes}.`,
    );
  }
  const claimed = (await file.read(0, LENGTH_BYTES)).readBigUInt64LE();
  if (claimed > BigInt(MAX_HEADER_BYTES)) {
    throw modelError(
      `Expected a safetensors header of at most ${MAX_HEADER_BYTES} bytes but ${path} claims ${claimed}.`,
    );
  }
  const headerBytes = Number(claimed);
  const dataStart = LENGTH_BYTES + headerBytes;
  if (dataStart > bytes) {
    throw modelError(`${path} is truncated: its header has ${headerBytes} bytes but ${dataStart - bytes} are missing.`);
  }
  const header = parseHeader(await file.read(LENGTH_BYTES, headerBytes), path);
  const tensors: (StoredTensor & FileRange)[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA_KEY) metadata = parseMetadata(entry, path);
    else tensors.push(parseTensor(name, entry, dataStart, path));
  }
  if (tensors.length > MAX_TENSORS) {
    throw modelError(`Expected at most ${MAX_TENSORS} tensors but ${path} has ${tensors.length}.`);
  }
  checkCoverage(tensors, dataStart, bytes, path);
  return {
    path,
    bytes,
    format: 'safetensors',
    tensors: (await withScales(file, tensors)).map(({ name, shape, dtype, place }) => ({ name, shape, dtype, place })),
    metadata,
  };
}

function parseHeader(bytes: Buffer, path: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = parseUniqueJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw modelError(`Expected JSON as the safetensors header of ${path} but ${jsonFault(error)}.`, { cause: error });
  }
  if (!isObject(header))
    throw modelError(`Expected a JSON object as the safetensors header of ${path} but it is ${shown(header)}.`);
  return header;
}

/** Without the engine's message where that quotes the file. */
function jsonFault(error: unknown): string {
  if (error instanceof DuplicateKeyError) return error.message;
  return error instanceof SyntaxError ? 'it is not valid JSON' : 'it is not UTF-8';
}

function parseMetadata(entry: unknown, path: string): Record<string, string> {
  if (!isObject(entry) || !Object.values(entry).every((value) => typeof value === 'string')) {
    throw modelError(`Expected text values in the ${METADATA_KEY} of ${path} but it is ${shown(entry)}.`);
  }
  return entry as Record<string, string>;
}

function parseTensor(name: string, entry: unknown, dataStart: number, path: string): StoredTensor & FileRange {
  const label = shown(name);
  if (!isObject(entry))
    throw modelError(`Expected { dtype, shape, data_offsets } for ${label} in ${path} but it is ${shown(entry)}.`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string')
    throw modelError(`Expected a dtype for ${label} in ${path} but it is ${shown(dtype)}.`);
  if (!Array.isArray(shape)) throw modelError(`Expected a shape for ${label} in ${path} but it is ${shown(shape)}.`);
  const elements = elementsOf(shape, label, path);
  const [start, end] = parseOffsets(offsets, label, path);
  const type = Object.hasOwn(FLOATS, dtype) ? FLOATS[dtype] : undefined;
  const expected = type === undefined ? otherBytes(dtype, elements, label, path) : bytesOf(elements, type);
  if (end - start !== expected) {
    throw modelError(
      `Expected ${expected} bytes for ${label} (${dtype} ${shown(shape)}) in ${path} but its place has ${end - start}.`,
    );
  }
  const range = { file: path, offset: dataStart + start, byteLength: end - start };
  const place = type === undefined ? undefined : ({ kind: 'range', type, ...range } as const);
  return { name, shape: shape as number[], dtype, place, ...range };
}

function otherBytes(dtype: string, elements: number, label: string, path: string): number {
  const bits = Object.hasOwn(OTHER_BITS, dtype) ? OTHER_BITS[dtype] : undefined;
  if (bits === undefined)
    throw modelError(`Expected a safetensors dtype for ${label} in ${path} but it is ${shown(dtype)}.`);
  return (elements * bits) / 8;
}

function parseOffsets(offsets: unknown, label: string, path: string): readonly [number, number] {
  const [start, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw modelError(`Expected data_offsets [start, end] for ${label} in ${path} but they are ${shown(offsets)}.`);
  }
  return [start, end];
}

/** The format's own rule, which leaves no room for overlaps, gaps or a second payload. */
function checkCoverage(
  tensors: readonly (StoredTensor & FileRange)[],
  dataStart: number,
  bytes: number,
  path: string,
): void {
  let covered = dataStart;
  for (const { name, offset, byteLength } of [...tensors].sort(
    (a, b) => a.offset - b.offset || a.byteLength - b.byteLength,
  )) {
    if (offset !== covered) {
      const what = offset < covered ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw modelError(
        `${shown(name)} in ${path} ${what}: expected it at data byte ${covered - dataStart} but it is at ${offset - dataStart}.`,
      );
    }
    covered += byteLength;
  }
  if (covered > bytes)
    throw modelError(`${path} is truncated: expected ${covered} bytes but ${covered - bytes} are missing.`);
  if (covered < bytes) throw modelError(`${path} has ${bytes - covered} bytes after its last tensor, expected none.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Rows as safetensors: a header, then the numbers without a gap.
 *
 * The number of rows is known only at the end, so the rows come from NPY files that were written meanwhile.
 */

import { type FileHandle, open, rm } from 'node:fs/promises';
import { ExitCode, RunError, usageError } from '../../errors.js';
import { encodeHeader, LENGTH_BYTES, MAX_HEADER_BYTES, METADATA_KEY } from '../../safetensors-header.js';
import { openForReading, readAt, readingReason, shown } from '../files/read.js';
import { outputFailed } from '../sink.js';
import { type ArrayDType, rowBytes, type StoredRows } from './spec.js';

/** The header ends at a multiple of this, in bytes, as the format asks; any number then starts aligned. */
const ALIGNMENT = 8;

/** Bytes copied at a time: memory stays the same for any number of rows. */
const COPIED_BYTES = 4 * 1024 * 1024;

/** In the order of their data, wide numbers first as the format's own writer has them: all of them start aligned. */
const DTYPES: Readonly<Record<ArrayDType, string>> = { f32: 'F32', f16: 'F16' };

/**
 * Writes `path`, which must not exist, and syncs it to disk. Arrays are ordered by type and name, texts by key: the same
 * rows give the same bytes. Leaves no file behind when it fails.
 */
export async function writeSafetensors(
  path: string,
  arrays: readonly StoredRows[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const sorted = [...arrays].sort((a, b) => byteWidth(b) - byteWidth(a) || compare(a.name, b.name));
  const header = headerOf(sorted, metadata);
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (error) {
    throw outputFailed(path, error);
  }
  try {
    const put = async (chunk: Uint8Array) => {
      await handle.appendFile(chunk).catch((error: unknown) => {
        throw outputFailed(path, error);
      });
    };
    await put(header);
    const buffer = Buffer.allocUnsafe(COPIED_BYTES);
    for (const array of sorted) await copyRows(array, buffer, put);
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(path, { force: true });
    throw error instanceof RunError ? error : outputFailed(path, error);
  }
}

function headerOf(arrays: readonly StoredRows[], metadata: Readonly<Record<string, string>>): Buffer {
  const names = new Set([METADATA_KEY, ...arrays.map(({ name }) => name)]);
  if (names.size !== arrays.length + 1) {
    throw internal(`Expected a name of its own for each array but received ${shown(arrays.map(({ name }) => name))}.`);
  }
  const texts = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
  const tensors = arrays.map((array) => ({
    name: array.name,
    dtype: DTYPES[array.dtype],
    shape: [array.rows, ...array.shape],
    bytes: array.rows * rowBytes(array),
  }));
  const header = encodeHeader(Object.fromEntries(texts), tensors, ALIGNMENT);
  if (header.length > LENGTH_BYTES + MAX_HEADER_BYTES) {
    const bytes = header.length - LENGTH_BYTES;
    throw internal(`Expected a safetensors header of at most ${MAX_HEADER_BYTES} bytes but it takes ${bytes}.`);
  }
  return header;
}

async function copyRows(array: StoredRows, buffer: Buffer, put: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  const { handle, bytes } = await openForReading(array.file, 'rows');
  try {
    const end = array.dataStart + array.rows * rowBytes(array);
    if (end > bytes) {
      throw internal(
        `Expected ${array.rows} rows of ${array.name} in ${array.file} but ${end - bytes} bytes are missing.`,
      );
    }
    for (let position = array.dataStart; position < end; ) {
      const chunk = buffer.subarray(0, Math.min(buffer.length, end - position));
      const filled = await readAt(handle, chunk, position).catch((error: unknown) => {
        throw internal(`Expected to read ${array.file} but ${readingReason(error)}.`);
      });
      if (filled < chunk.length)
        throw internal(`Expected ${array.file} to stay as it is but it was cut off meanwhile.`);
      await put(chunk);
      position += filled;
    }
  } finally {
    await handle.close();
  }
}

export interface SafetensorsRows {
  readonly arrays: readonly StoredRows[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where the rows lie in a file that `writeSafetensors` wrote. Stricter than the format: only F32 and F16, with rows. */
export async function readSafetensorsRows(path: string): Promise<SafetensorsRows> {
  const { handle, bytes } = await openForReading(path, 'safetensors');
  try {
    const length = Buffer.alloc(LENGTH_BYTES);
    const filled = await readAt(handle, length, 0);
    if (filled < LENGTH_BYTES) throw truncated(path, LENGTH_BYTES - filled);
    const claimed = length.readBigUInt64LE();
    if (claimed > BigInt(MAX_HEADER_BYTES)) {
      throw usageError(
        `Expected a safetensors header of at most ${MAX_HEADER_BYTES} bytes but ${path} claims ${claimed}.`,
      );
    }
    const dataStart = LENGTH_BYTES + Number(claimed);
    if (dataStart > bytes) throw truncated(path, dataStart - bytes);
    const text = Buffer.alloc(Number(claimed));
    if ((await readAt(handle, text, LENGTH_BYTES)) < text.length) throw truncated(path, 1);
    const { [METADATA_KEY]: texts = {}, ...entries } = parseHeader(text, path);
    const arrays = Object.entries(entries).map(([name, entry]) => parseArray(name, entry, { path, dataStart }));
    checkCoverage(arrays, dataStart, bytes, path);
    return { arrays, metadata: parseMetadata(texts, path) };
  } finally {
    await handle.close();
  }
}

function parseHeader(bytes: Buffer, path: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw usageError(`Expected a safetensors file but the header of ${path} is not JSON.`);
  }
  if (isObject(header)) return header;
  throw usageError(`Expected an object as the safetensors header of ${path} but received ${shown(header)}.`);
}

function parseMetadata(texts: unknown, path: string): Record<string, string> {
  if (isObject(texts) && Object.values(texts).every((text) => typeof text === 'string')) {
    return texts as Record<string, string>;
  }
  throw usageError(`Expected texts as the ${METADATA_KEY} of ${path} but received ${shown(texts)}.`);
}

function parseArray(
  name: string,
  entry: unknown,
  { path, dataStart }: { readonly path: string; readonly dataStart: number },
): StoredRows {
  const { dtype: code, shape: axes, data_offsets: offsets } = isObject(entry) ? entry : {};
  const dtype = (Object.keys(DTYPES) as ArrayDType[]).find((key) => DTYPES[key] === code);
  if (dtype === undefined) {
    throw usageError(`Expected F32 or F16 for ${shown(name)} in ${path} but received ${shown(code)}.`);
  }
  const [rows, ...shape] = isSizes(axes) ? axes : [];
  const array = { name, dtype, shape, file: path, rows: rows ?? 0 };
  const bytes = array.rows * rowBytes(array);
  if (rows === undefined || shape.includes(0) || !Number.isSafeInteger(bytes)) {
    throw usageError(`Expected the shape of rows for ${shown(name)} in ${path} but received ${shown(axes)}.`);
  }
  const [start, end] = isSizes(offsets) && offsets.length === 2 ? offsets : [];
  if (start === undefined || end === undefined || end - start !== bytes) {
    throw usageError(
      `Expected a place of ${bytes} bytes for ${shown(name)} in ${path} but received ${shown(offsets)}.`,
    );
  }
  return { ...array, dataStart: dataStart + start };
}

/** The format's own rule, which leaves no room for overlaps, gaps or a second payload. */
function checkCoverage(arrays: readonly StoredRows[], dataStart: number, bytes: number, path: string): void {
  let covered = dataStart;
  const ends = arrays.map((array) => ({ start: array.dataStart, end: array.dataStart + array.rows * rowBytes(array) }));
  for (const { start, end } of ends.sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== covered)
      throw usageError(`Expected arrays without gap or overlap in ${path} but byte ${start} is one.`);
    covered = end;
  }
  if (covered > bytes) throw truncated(path, covered - bytes);
  if (covered < bytes) throw usageError(`Expected ${path} to end after ${covered} bytes but it has ${bytes}.`);
}

function truncated(path: string, missing: number): RunError {
  return usageError(`Expected a whole safetensors file but ${path} is cut off: at least ${missing} bytes are missing.`);
}

function internal(message: string): RunError {
  return new RunError('INTERNAL', message, { exitCode: ExitCode.Unexpected });
}

function byteWidth({ dtype }: StoredRows): number {
  return rowBytes({ shape: [], dtype });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

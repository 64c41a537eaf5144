/**
 * NumPy's array files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A header of a Python
 * literal, then the numbers. The header here always takes the same room, so that it can be written again in place when
 * rows have been appended: the file can be read while it grows.
 */

import { ExitCode, RunError, usageError } from '../../errors.js';
import { openForReading, readAt, shown } from '../files/read.js';
import { type ArrayDType, type ArraySpec, rowBytes, type StoredRows } from './spec.js';

/** Of a header written here; a multiple of 64, so that rows can be mapped into memory aligned. NumPy writes as many. */
export const NPY_HEADER_BYTES = 128;

/** Of a header that is read, at most: what version 1 can express. NumPy itself needs 128. */
const MAX_HEADER_BYTES = 65_535;

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/** Magic and version: what comes before the length of the header. */
const VERSION_END = MAGIC.length + 2;

const DESCRIPTIONS: Readonly<Record<ArrayDType, string>> = { f32: '<f4', f16: '<f2' };

/** Axes that NumPy allows at most. */
const MAX_AXES = 64;

/** The header of a file that holds `rows` rows, in format 1.0: NPY_HEADER_BYTES bytes whatever the number of rows. */
export function npyHeader({ name, shape, dtype }: ArraySpec, rows: number): Buffer {
  const axes = [rows, ...shape];
  const tuple = axes.length === 1 ? `(${rows},)` : `(${axes.join(', ')})`;
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = VERSION_END + 2;
  const room = NPY_HEADER_BYTES - start - 1;
  if (text.length > room) {
    throw new RunError('INTERNAL', `Expected an NPY header of at most ${room} bytes for ${name} but it is ${text}.`, {
      exitCode: ExitCode.Unexpected,
    });
  }
  const header = Buffer.alloc(NPY_HEADER_BYTES, ' ');
  MAGIC.copy(header);
  header.writeUInt16BE(0x0100, MAGIC.length);
  header.writeUInt16LE(NPY_HEADER_BYTES - start, VERSION_END);
  header.write(text, start, 'latin1');
  header.write('\n', NPY_HEADER_BYTES - 1);
  return header;
}

export interface ReadNpyOptions {
  /**
   * Of a file that is growing or was cut off: as many rows as it holds whole, whatever its header counts. Without it
   * the bytes must be those that the header announces.
   */
  readonly partial?: boolean;
}

/** Where the rows of a file lie that was written here or by NumPy, as `<f4` or `<f2` in C order. */
export async function readNpy(path: string, name: string, options: ReadNpyOptions = {}): Promise<StoredRows> {
  const { handle, bytes } = await openForReading(path, 'NPY');
  try {
    const start = Buffer.alloc(VERSION_END + 4);
    const filled = await readAt(handle, start, 0);
    const { textStart, textBytes } = parseStart(start.subarray(0, filled), path);
    const dataStart = textStart + textBytes;
    if (dataStart > bytes) throw truncated(path, dataStart - bytes);
    const text = Buffer.alloc(textBytes);
    if ((await readAt(handle, text, textStart)) < textBytes) throw truncated(path, 1);
    const { shape, dtype, rows: announced } = parseHeader(text.toString('latin1'), path);
    const spec: ArraySpec = { name, shape, dtype };
    const held = bytes - dataStart;
    const rows = options.partial ? Math.floor(held / rowBytes(spec)) : announced;
    if (!options.partial) checkLength(held, rows * rowBytes(spec), path);
    return { ...spec, file: path, dataStart, rows };
  } finally {
    await handle.close();
  }
}

function parseStart(start: Buffer, path: string): { readonly textStart: number; readonly textBytes: number } {
  const [major = 0, minor = 0] = start.subarray(MAGIC.length, VERSION_END);
  if (!start.subarray(0, MAGIC.length).equals(MAGIC.subarray(0, start.length)) || start.length === 0) {
    throw usageError(`Expected an NPY file but ${path} does not start like one.`);
  }
  const lengthBytes = major === 1 ? 2 : 4;
  if (start.length < VERSION_END + lengthBytes) throw truncated(path, VERSION_END + lengthBytes - start.length);
  if (![1, 2, 3].includes(major) || minor !== 0) {
    throw usageError(`Expected NPY format 1.0, 2.0 or 3.0 but ${path} has ${major}.${minor}.`);
  }
  const textBytes = start.readUIntLE(VERSION_END, lengthBytes);
  if (textBytes > MAX_HEADER_BYTES) {
    throw usageError(`Expected an NPY header of at most ${MAX_HEADER_BYTES} bytes but ${path} claims ${textBytes}.`);
  }
  return { textStart: VERSION_END + lengthBytes, textBytes };
}

/** A Python dictionary of the three keys, in any order, as Python's `repr` writes it. */
const DICTIONARY =
  /^\{(?: *'(?:descr|fortran_order|shape)' *: *(?:'[^'\\]*'|True|False|\([0-9L, ]*\)) *(?:,|(?=\})))* *\} *\n?$/;

function parseHeader(
  text: string,
  path: string,
): { readonly shape: readonly number[]; readonly dtype: ArrayDType; readonly rows: number } {
  if (!DICTIONARY.test(text)) {
    throw usageError(`Expected an array of one type of number in ${path} but its NPY header is ${shown(text)}.`);
  }
  const dtype = (Object.keys(DESCRIPTIONS) as ArrayDType[]).find((key) =>
    new RegExp(`'descr' *: *'${DESCRIPTIONS[key]}'`).test(text),
  );
  if (dtype === undefined) {
    const found = /'descr' *: *('[^']*')/.exec(text)?.[1] ?? 'none';
    throw usageError(`Expected numbers of type '<f4' or '<f2' in ${path} but it has ${found}.`);
  }
  if (!/'fortran_order' *: *False/.test(text)) {
    throw usageError(
      `Expected rows one after the other in ${path} but its array is in Fortran order.`,
      "numpy.save('rows.npy', numpy.ascontiguousarray(array))",
    );
  }
  const tuple = /'shape' *: *\(([^)]*)\)/.exec(text)?.[1] ?? '';
  const axes = tuple
    .split(',')
    .map((axis) => axis.trim().replace(/L$/, ''))
    .filter((axis) => axis !== '')
    .map(Number);
  const [rows, ...shape] = axes;
  const numbers = axes.reduce((product, size) => product * Math.max(size, 1), 1);
  if (
    rows === undefined ||
    axes.length > MAX_AXES ||
    !axes.every(Number.isSafeInteger) ||
    shape.includes(0) ||
    !Number.isSafeInteger(numbers * Float64Array.BYTES_PER_ELEMENT)
  ) {
    throw usageError(
      `Expected rows of numbers in ${path} but the shape of its array is (${shown(tuple).slice(1, -1)}).`,
    );
  }
  return { shape, dtype, rows };
}

function checkLength(held: number, expected: number, path: string): void {
  if (held < expected) throw truncated(path, expected - held);
  if (held > expected) {
    throw usageError(
      `Expected ${expected} bytes of numbers in ${path} but received ${held}: it is damaged or growing.`,
    );
  }
}

function truncated(path: string, missing: number): RunError {
  return usageError(`Expected a whole NPY file but ${path} is cut off: at least ${missing} bytes are missing.`);
}

/** Reads weights from where they lie, as float32 in the source's own axis order. */

import { open } from 'node:fs/promises';
import { modelError } from '../../errors.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../floats.js';
import {
  type FileRange,
  type Place,
  QUANTIZED_BYTES,
  type QuantizedPlace,
  type ScaledSource,
  type ShiftedSource,
  type TensorSource,
  WEIGHT_BYTES,
  type WeightType,
} from '../../network/tensors.js';
import { elementCount } from '../../shape.js';
import { fillRandom } from './random.js';

/** Largest single read, in bytes: Linux transfers at most 2^31 - 4096 in one call. */
const MAX_READ_BYTES = 1 << 30;

/** The `elements` values of a tensor. Throws a RunError when a file is shorter than it was. */
export async function readTensor(source: TensorSource, elements: number): Promise<Float32Array> {
  switch (source.kind) {
    case 'random': {
      const values = new Float32Array(elements);
      fillRandom(values, source);
      return values;
    }
    case 'values':
      return source.values;
    case 'stored':
      return await readPlace(source.place, source.shape, elements);
    case 'scaled':
      return scale(await readTensor(source.of, elements), source);
    case 'shifted':
      return await readShifted(source, elements);
  }
}

/** The bytes of a stored tensor that `feedTypeOf` says can be fed as they are. */
export async function readBytes(source: TensorSource, elements: number): Promise<Uint8Array> {
  const place = source.kind === 'stored' ? source.place : undefined;
  if (place === undefined || place.kind === 'hdf5' || place.kind === 'quantized') {
    throw new Error(`Expected a stored tensor but received one that is ${source.kind}.`);
  }
  const pieces = place.kind === 'range' ? [place] : place.pieces;
  return new Uint8Array(await readPieces(pieces, elements * WEIGHT_BYTES[place.type]));
}

/** The bytes of a range. Throws a RunError when the file is shorter than it was. */
export async function readRange(range: FileRange): Promise<ArrayBuffer> {
  return await readPieces([range], range.byteLength);
}

async function readPlace(place: Place, shape: readonly number[], elements: number): Promise<Float32Array> {
  switch (place.kind) {
    case 'range':
      return toFloat32(await readPieces([place], elements * WEIGHT_BYTES[place.type]), place.type);
    case 'pieces':
      return toFloat32(await readPieces(place.pieces, elements * WEIGHT_BYTES[place.type]), place.type);
    case 'quantized':
      return dequantize(await readPieces(place.pieces, elements * QUANTIZED_BYTES[place.type]), place, shape);
    case 'hdf5': {
      const { readHdf5 } = await import('../hdf5/read.js');
      return toFloat32(await readHdf5(place, elements * WEIGHT_BYTES[place.type]), place.type);
    }
  }
}

/** The bytes of `pieces`, one after the other; together they must be `expected`. */
async function readPieces(pieces: readonly FileRange[], expected: number): Promise<ArrayBuffer> {
  const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytes !== expected) {
    const files = [...new Set(pieces.map(({ file }) => file))].join(', ');
    throw modelError(`Expected ${expected} bytes for a tensor of ${files} but its place holds ${bytes}.`);
  }
  const buffer = new ArrayBuffer(bytes);
  let start = 0;
  for (const piece of pieces) {
    await readInto(new Uint8Array(buffer, start, piece.byteLength), piece);
    start += piece.byteLength;
  }
  return buffer;
}

async function readInto(target: Uint8Array, { file, offset }: FileRange): Promise<void> {
  const handle = await open(file, 'r');
  try {
    let done = 0;
    while (done < target.length) {
      const length = Math.min(MAX_READ_BYTES, target.length - done);
      const { bytesRead } = await handle.read(target, done, length, offset + done);
      if (bytesRead === 0) {
        throw modelError(`${file} ended ${target.length - done} bytes early: it changed while it was read.`);
      }
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** In place: nobody else has these values. */
function scale(values: Float32Array, { shape, axis, factors }: ScaledSource): Float32Array {
  const inner = elementCount(shape.slice(axis + 1));
  const size = shape[axis] as number;
  for (let start = 0, i = 0; start < values.length; start += inner, i = (i + 1) % size) {
    const factor = factors[i] as number;
    for (let at = start; at < start + inner; at++) values[at] = (values[at] as number) * factor;
  }
  return values;
}

async function readShifted({ bias, kernel, shape, inputAxis, shift }: ShiftedSource, outputs: number) {
  const [rows = 0, columns = 0] = shape;
  const values = await readTensor(kernel, rows * columns);
  const sums = Float64Array.from(await readTensor(bias, outputs));
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const [input, output] = inputAxis === 0 ? [row, column] : [column, row];
      sums[output] = (sums[output] as number) + (shift[input] as number) * (values[at] as number);
    }
  }
  return Float32Array.from(sums);
}

function dequantize(bytes: ArrayBuffer, { type, scale, offset, axis }: QuantizedPlace, shape: readonly number[]) {
  const integers =
    type === 'u8' ? new Uint8Array(bytes) : type === 'i8' ? new Int8Array(bytes) : new Uint16Array(bytes);
  const inner = elementCount(shape.slice(axis + 1));
  const size = shape[axis] ?? 1;
  const values = new Float32Array(integers.length);
  for (let start = 0, index = 0; start < values.length; start += inner, index = (index + 1) % size) {
    const factor = scale[scale.length === 1 ? 0 : index] as number;
    const shift = offset[offset.length === 1 ? 0 : index] as number;
    for (let at = start; at < start + inner; at++) values[at] = (integers[at] as number) * factor + shift;
  }
  return values;
}

function toFloat32(bytes: ArrayBuffer, type: WeightType): Float32Array {
  switch (type) {
    case 'f32':
      return new Float32Array(bytes);
    case 'f64':
      return Float32Array.from(new Float64Array(bytes));
    case 'bf16':
      return bfloat16ToFloat32(new Uint16Array(bytes));
    case 'f16':
      return float16ToFloat32(new Uint16Array(bytes));
  }
}

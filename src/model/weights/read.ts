/** Reads weights from where they lie, as float32 in the source's own axis order. */

import { open } from 'node:fs/promises';
import { modelError } from '../../errors.js';
import { type FileTensor, type TensorSource, WEIGHT_BYTES, type WeightType } from '../tensors.js';
import { fillRandom } from './random.js';

/** Largest single read, in bytes: Linux transfers at most 2^31 - 4096 in one call. */
const MAX_READ_BYTES = 1 << 30;

/** The `elements` values of a tensor. Throws a RunError when the file is shorter than it was. */
export async function readTensor(source: TensorSource, elements: number): Promise<Float32Array> {
  if (source.kind === 'random') {
    const values = new Float32Array(elements);
    fillRandom(values, source);
    return values;
  }
  const expected = elements * WEIGHT_BYTES[source.type];
  if (source.byteLength !== expected) {
    throw modelError(
      `Expected ${expected} bytes for a tensor of ${source.file} but its place holds ${source.byteLength}.`,
    );
  }
  return toFloat32(await readRange(source), source.type);
}

async function readRange({ file, offset, byteLength }: FileTensor): Promise<ArrayBuffer> {
  const buffer = new ArrayBuffer(byteLength);
  const handle = await open(file, 'r');
  try {
    let done = 0;
    while (done < byteLength) {
      const length = Math.min(MAX_READ_BYTES, byteLength - done);
      const { bytesRead } = await handle.read(new Uint8Array(buffer, done, length), 0, length, offset + done);
      if (bytesRead === 0) {
        throw modelError(`${file} ended ${byteLength - done} bytes early: it changed while it was read.`);
      }
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return buffer;
}

function toFloat32(bytes: ArrayBuffer, type: WeightType): Float32Array {
  switch (type) {
    case 'f32':
      return new Float32Array(bytes);
    case 'f64':
      return Float32Array.from(new Float64Array(bytes));
    case 'bf16':
      return fromBFloat16(new Uint16Array(bytes));
    case 'f16':
      return fromFloat16(new Uint16Array(bytes));
  }
}

/** bfloat16 is the upper half of a float32. */
function fromBFloat16(values: Uint16Array): Float32Array {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = (values[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16, through a table of all 65,536 values. */
function fromFloat16(values: Uint16Array): Float32Array {
  const table = Float32Array.from({ length: 1 << 16 }, (_, half) => {
    const sign = half >> 15 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = table[values[i] as number] as number;
  return out;
}

/** The bytes of a safetensors file: header, then the tensors in the header's order. */

import { elementCount } from '../../shape.js';
import { writeNewFile } from '../export/new-file.js';

/** Element types that are written, in the format's own words, and their bytes. */
const BYTES = { F32: 4, F16: 2, BF16: 2, I8: 1 } as const;

export interface TensorEntry {
  readonly name: string;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
}

/** The first tensor starts at a multiple of this many bytes: what TensorFlow maps without a copy (EIGEN_MAX_ALIGN_BYTES). */
const ALIGNMENT = 64;

/** Bytes that hold the length of the header. */
const LENGTH_BYTES = 8;

/** Writes a new file. `data` gives the bytes of the tensors one after the other, little-endian. */
export async function writeTensors(
  path: string,
  metadata: Readonly<Record<string, string>>,
  entries: readonly TensorEntry[],
  data: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const pieces = async function* () {
    yield headerOf(metadata, entries);
    yield* data;
  };
  await writeNewFile(path, pieces(), signal);
}

function headerOf(metadata: Readonly<Record<string, string>>, entries: readonly TensorEntry[]): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape } of entries) {
    const end = offset + elementCount(shape) * BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const room = Math.ceil((LENGTH_BYTES + json.length) / ALIGNMENT) * ALIGNMENT - LENGTH_BYTES;
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(room));
  return Buffer.concat([length, json, Buffer.alloc(room - json.length, ' ')]);
}

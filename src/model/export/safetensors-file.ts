/** The bytes of a safetensors file: header, then the tensors in the header's order. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

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
): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', flush: true });
  try {
    file.write(headerOf(metadata, entries));
    for await (const bytes of data) if (!file.write(bytes)) await once(file, 'drain');
  } finally {
    file.end();
    await finished(file);
  }
}

function headerOf(metadata: Readonly<Record<string, string>>, entries: readonly TensorEntry[]): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape } of entries) {
    const end = offset + shape.reduce((product, size) => product * size, BYTES[dtype]);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const room = Math.ceil((LENGTH_BYTES + json.length) / ALIGNMENT) * ALIGNMENT - LENGTH_BYTES;
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(room));
  return Buffer.concat([length, json, Buffer.alloc(room - json.length, ' ')]);
}

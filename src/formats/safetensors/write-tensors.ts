/** The bytes of a safetensors file: header, then the tensors in the header's order. */

import { encodeHeader } from '../../safetensors-header.js';
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

/** Writes a new file. `data` gives the bytes of the tensors one after the other, little-endian. */
export async function writeTensors(
  path: string,
  metadata: Readonly<Record<string, string>>,
  entries: readonly TensorEntry[],
  data: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const pieces = async function* () {
    const tensors = entries.map((entry) => ({ ...entry, bytes: elementCount(entry.shape) * BYTES[entry.dtype] }));
    yield encodeHeader(metadata, tensors, ALIGNMENT);
    yield* data;
  };
  await writeNewFile(path, pieces(), signal);
}

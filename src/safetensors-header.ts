/**
 * The header of safetensors, https://huggingface.co/docs/safetensors, in which models and rows are written: its length in
 * eight bytes (little-endian), then a JSON object { name: { dtype, shape, data_offsets } } with texts under `__metadata__`.
 */

/** Bytes that hold the length of the header. */
export const LENGTH_BYTES = 8;

/** Header, in bytes, at most: 32 tensors and 1,000 labels take 30 KB. */
export const MAX_HEADER_BYTES = 8 * 1024 * 1024;

/** The key that the format keeps for texts. */
export const METADATA_KEY = '__metadata__';

export interface HeaderTensor {
  readonly name: string;
  /** In the format's own words: F32. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/**
 * The header with its length, for tensors that follow one another without a gap. Spaces at its end let the first tensor
 * begin at a multiple of `alignment` bytes, which is a multiple of 8.
 */
export function encodeHeader(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly HeaderTensor[],
  alignment: number,
): Buffer {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    const start = end;
    end += bytes;
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const texts = Object.keys(metadata).length === 0 ? [] : [[METADATA_KEY, metadata] as const];
  // Key by key: an object would move names that are numbers to its front.
  const pairs = [...texts, ...entries].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = Buffer.from(`{${pairs.join(',')}}`);
  const header = Buffer.alloc(Math.ceil((LENGTH_BYTES + json.length) / alignment) * alignment, ' ');
  header.writeBigUInt64LE(BigInt(header.length - LENGTH_BYTES));
  json.copy(header, LENGTH_BYTES);
  return header;
}

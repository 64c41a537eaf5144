/** Files that the tests of arrays and of Parquet share. Fixtures are made by fixtures/expected/make_arrays.py. */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { NPY_HEADER_BYTES, npyHeader } from '../../../src/output/arrays/npy.js';
import type { ArraySpec, StoredRows } from '../../../src/output/arrays/spec.js';

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/expected/arrays/${name}`, import.meta.url));
}

/** The bytes of an array, little-endian. */
export function bytesOf(values: Float32Array | Uint16Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** float32 with NaN, infinities, subnormals and a negative zero among them. */
export function sample(length: number, seed = 1): Float32Array {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-45, 3.4e38];
  return Float32Array.from({ length }, (_, index) => odd[index - 3] ?? Math.sin(index * seed) * 20);
}

/** Writes an NPY file as a run does: a header, rows, then the header again. */
export function writeNpy(path: string, spec: ArraySpec, rows: number, numbers: Float32Array | Uint16Array): StoredRows {
  writeFileSync(path, Buffer.concat([npyHeader(spec, rows), bytesOf(numbers)]));
  return { ...spec, file: path, dataStart: NPY_HEADER_BYTES, rows };
}

/** The numbers of stored rows, as bytes. */
export function storedBytes({ file, dataStart, rows, shape, dtype }: StoredRows): Buffer {
  const length = rows * shape.reduce((product, size) => product * size, 1) * (dtype === 'f32' ? 4 : 2);
  return readFileSync(file).subarray(dataStart, dataStart + length);
}

/** Cuts a file off at every 1/50 of its length and expects the same kind of clear error every time. */
export async function expectCutOffRefused(
  path: string,
  copy: string,
  read: (path: string) => Promise<unknown>,
): Promise<void> {
  const whole = readFileSync(path);
  for (let part = 0; part < 50; part += 1) {
    writeFileSync(copy, whole.subarray(0, Math.floor((whole.length * part) / 50)));
    await expect(read(copy), `cut off at ${part}/50`).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: expect.stringMatching(/^Expected .* but .*/),
    });
  }
}

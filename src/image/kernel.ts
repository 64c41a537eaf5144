/** The kernels of `assembly/`, compiled to WebAssembly, and the memory that they work in. */

import { readFileSync } from 'node:fs';

/** Bytes of a vector: places lie at multiples of it, and so much may be read and written past the end of the last. */
const VECTOR_BYTES = 16;

const PAGE_BYTES = 65_536;

interface Exports {
  resampleRows(
    source: number,
    stride: number,
    rows: number,
    first: number,
    weights: number,
    pairs: number,
    width: number,
    target: number,
  ): void;
  resampleColumns(
    source: number,
    stride: number,
    rows: number,
    first: number,
    weights: number,
    pairs: number,
    target: number,
  ): void;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Node's types do not have it. */
interface WebAssembly {
  readonly Memory: new (limits: { initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: Memory } }) => { readonly exports: unknown };
}

const wasm = (globalThis as unknown as { WebAssembly: WebAssembly }).WebAssembly;
const memory = new wasm.Memory({ initial: 1 });
/** In the build's folder, for the sources in tests too. */
const FILE = new URL('../../dist/image/resample.wasm', import.meta.url);
export const kernels = new wasm.Instance(new wasm.Module(readFileSync(FILE)), { env: { memory } }).exports as Exports;

/**
 * Places for stretches of so many bytes, and the memory, which has them until the next call. It grows to the most that was
 * asked for.
 */
export function reserve(...byteLengths: readonly number[]): { places: number[]; memory: ArrayBuffer } {
  let end = 0;
  const places = byteLengths.map((byteLength) => {
    const place = end;
    end = aligned(end + byteLength);
    return place;
  });
  const missing = end + VECTOR_BYTES - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return { places, memory: memory.buffer };
}

const aligned = (byteLength: number): number => Math.ceil(byteLength / VECTOR_BYTES) * VECTOR_BYTES;

/** The loops of `resample.ts`, and the memory that they work in. */

import { readFileSync } from 'node:fs';
import { plainLoops } from './plain-loops.js';

/** Places, strides and lengths are in bytes of the memory; `assembly/resample.ts` says what is where. */
export interface Loops {
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

/** Grows, and then is another buffer. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): void;
}

export interface Kernel extends Loops {
  /**
   * Places for stretches of so many bytes, and the memory, which has them until the next call. It grows to the most that
   * was asked for.
   */
  reserve(...byteLengths: readonly number[]): { readonly places: readonly number[]; readonly memory: ArrayBuffer };
}

/** Of a vector: places lie at multiples of it, and the loops may read and write as much past the end of the last. */
const VECTOR_BYTES = 16;

const PAGE_BYTES = 65_536;

/** Node's types do not have it. */
interface WebAssembly {
  readonly Memory: new (limits: { initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: Memory } }) => { readonly exports: unknown };
}

/** In the build's folder, for the sources in tests too. */
const WASM = new URL('../../dist/image/resample.wasm', import.meta.url);

/** The loops of `assembly/`, compiled by the build. */
export function vectorKernel(): Kernel {
  const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssembly }).WebAssembly;
  const memory = new Memory({ initial: 1 });
  const { exports } = new Instance(new Module(readFileSync(WASM)), { env: { memory } });
  return { ...(exports as Loops), reserve: (...byteLengths) => reserve(memory, byteLengths) };
}

/** The same in JavaScript. */
export function plainKernel(): Kernel {
  const memory = {
    buffer: new ArrayBuffer(PAGE_BYTES),
    grow(pages: number) {
      this.buffer = new ArrayBuffer(this.buffer.byteLength + pages * PAGE_BYTES);
    },
  };
  return { ...plainLoops(memory), reserve: (...byteLengths) => reserve(memory, byteLengths) };
}

/**
 * The plain one where `ulimit -v` is set: V8 reserves 10 GB of addresses for a WebAssembly memory of any size, of which
 * the network would have none left.
 */
export function bestKernel(): Kernel {
  return isAddressSpaceLimited() ? plainKernel() : vectorKernel();
}

function isAddressSpaceLimited(): boolean {
  try {
    return /^Max address space\s+\d/m.test(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return false; // not Linux
  }
}

function reserve(memory: Memory, byteLengths: readonly number[]): ReturnType<Kernel['reserve']> {
  let end = 0;
  const places = byteLengths.map((byteLength) => {
    const place = end;
    end = Math.ceil((end + byteLength) / VECTOR_BYTES) * VECTOR_BYTES;
    return place;
  });
  const missing = end + VECTOR_BYTES - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return { places, memory: memory.buffer };
}

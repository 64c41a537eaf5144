/**
 * The passes in WebAssembly's vectors: `assembly/resample.ts`, compiled by the build. An image goes through its memory in
 * strips, so that a large one does not make it large.
 */

import { readFileSync } from 'node:fs';
import { CHANNELS } from '../rgb/geometry.js';
import type { Passes } from './passes.js';
import { sourceRange, type Taps, widthOf } from './taps.js';

/** How many rows the horizontal pass takes at a time. */
const ROWS = 4;

/** How many of a weight's bits are in the first word of a pair of taps; the others are in the second word. */
const LOW_BITS = 11;

const WORD_BYTES = 4;
const PAIR_BYTES = 2 * WORD_BYTES;

/** About how much of the source is in the memory at a time. */
const STRIP_BYTES = 2 ** 18;

/**
 * The size of a vector. Everything in the memory begins at a multiple of it, since the kernel reads and writes whole
 * vectors, also past the end of what it is given.
 */
const VECTOR_BYTES = 16;

const PAGE_BYTES = 65_536;

/** Places, strides and lengths are in bytes of the memory; `assembly/resample.ts` says what is where. */
interface Kernel {
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

/** The memory of the kernel. When it grows, `buffer` becomes another one. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): void;
}

/** Node's types do not have it. */
interface WebAssembly {
  readonly Memory: new (limits: { initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: Memory } }) => { readonly exports: unknown };
}

/** The build compiles the kernel into its own folder, from which the sources take it in tests too. */
const WASM = new URL('../../../../dist/images/pixels/resample/resample.wasm', import.meta.url);

/** Throws a RangeError where the 10 GB of addresses that V8 reserves for any such memory are not to be had. */
export function vectorPasses(): Passes {
  const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssembly }).WebAssembly;
  const memory = new Memory({ initial: 1 });
  const kernel = new Instance(new Module(readFileSync(WASM)), { env: { memory } }).exports as Kernel;
  return {
    rows: (pixels, taps, result) => resampleRows(kernel, memory, pixels, taps, result),
    columns: (pixels, taps, stride, result) => resampleColumns(kernel, memory, pixels, taps, stride, result),
  };
}

function resampleRows(kernel: Kernel, memory: Memory, pixels: Uint8Array, taps: Taps, result: Uint8Array): void {
  const stride = widthOf(taps) * CHANNELS;
  const height = pixels.length / stride;
  const width = taps.first.length;
  const length = width * CHANNELS;
  const most = wholeRows(Math.min(Math.max(STRIP_BYTES / stride, 1), height));
  const filter = filterOf(taps, CHANNELS);
  const { source, target, first, weights, bytes } = layOut(memory, filter, most * stride, most * length);
  for (let row = 0; row < height; row += most) {
    const rows = Math.min(most, height - row);
    bytes.set(pixels.subarray(row * stride, (row + rows) * stride), source);
    kernel.resampleRows(source, stride, wholeRows(rows), first, weights, filter.pairs, width, target);
    result.set(bytes.subarray(target, target + rows * length), row * length);
  }
}

function resampleColumns(
  kernel: Kernel,
  memory: Memory,
  pixels: Uint8Array,
  taps: Taps,
  stride: number,
  result: Uint8Array,
): void {
  const strips = stripsOf(taps, STRIP_BYTES / stride);
  const mostSource = Math.max(...strips.map(({ top, bottom }) => bottom - top)) + 1; // the tap that pads a pair is read
  const mostTarget = Math.max(...strips.map(({ from, to }) => to - from));
  const filter = filterOf(taps, stride);
  const { source, target, first, weights, bytes } = layOut(memory, filter, mostSource * stride, mostTarget * stride);
  for (const { from, to, top, bottom } of strips) {
    bytes.set(pixels.subarray(top * stride, bottom * stride), source);
    const ownFirst = first + from * WORD_BYTES;
    const ownWeights = weights + from * filter.pairs * PAIR_BYTES;
    kernel.resampleColumns(source - top * stride, stride, to - from, ownFirst, ownWeights, filter.pairs, target);
    result.set(bytes.subarray(target, target + (to - from) * stride), from * stride);
  }
}

/** Rows of the result, `from` to `to`, and those of the source that they depend on, the first of which is 0. */
interface Strip {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly bottom: number;
}

/** All rows of the result in strips that depend on `most` rows of the source, or are one row. */
function stripsOf({ first, count }: Taps, most: number): Strip[] {
  const top = (row: number) => (first[row] as number) - (first[0] as number);
  const bottom = (row: number) => top(row) + (count[row] as number);
  const strips: Strip[] = [];
  for (let from = 0; from < first.length; from = strips.at(-1)?.to as number) {
    let to = from + 1;
    while (to < first.length && bottom(to) - top(from) <= most) to += 1;
    strips.push({ from, to, top: top(from), bottom: bottom(to - 1) });
  }
  return strips;
}

/** The kernel's form of `taps`. */
interface Filter {
  /** Where in a row or column the taps of each pixel begin, in bytes. */
  readonly first: Int32Array;
  /** Two words for each pair of taps, `pairs` pairs for each pixel. */
  readonly weights: Int32Array;
  readonly pairs: number;
}

/** `step` bytes lie between one source pixel and the next. */
function filterOf(taps: Taps, step: number): Filter {
  const { start } = sourceRange(taps);
  const pairs = Math.ceil(Math.max(...taps.count) / 2);
  const first = taps.first.map((pixel) => (pixel - start) * step);
  const weights = new Int32Array(first.length * pairs * 2);
  let to = 0;
  for (let i = 0; i < first.length; i += 1) {
    const count = taps.count[i] as number;
    const weight = (tap: number) => (tap < count ? (taps.weights[i * taps.most + tap] as number) : 0);
    for (let tap = 0; tap < 2 * pairs; tap += 2) {
      const [a, b] = [weight(tap), weight(tap + 1)];
      weights[to] = low(a) | (low(b) << 16);
      weights[to + 1] = (a >> LOW_BITS) | ((b >> LOW_BITS) << 16);
      to += 2;
    }
  }
  return { first, weights, pairs };
}

const low = (weight: number): number => weight & (2 ** LOW_BITS - 1);

/**
 * Places in the memory for so many bytes of a source and a target, and for a filter, which is written there. They are
 * theirs until the next call; the memory grows to the most that was asked for.
 */
function layOut(memory: Memory, filter: Filter, sourceBytes: number, targetBytes: number) {
  let end = 0;
  const take = (byteLength: number) => {
    const place = end;
    end = Math.ceil((end + byteLength) / VECTOR_BYTES) * VECTOR_BYTES;
    return place;
  };
  const first = take(filter.first.byteLength);
  const weights = take(filter.weights.byteLength);
  const source = take(sourceBytes);
  const target = take(targetBytes);
  const missing = end + VECTOR_BYTES - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  const words = new Int32Array(memory.buffer);
  words.set(filter.first, first / WORD_BYTES);
  words.set(filter.weights, weights / WORD_BYTES);
  return { first, weights, source, target, bytes: new Uint8Array(memory.buffer) };
}

const wholeRows = (rows: number): number => Math.ceil(rows / ROWS) * ROWS;

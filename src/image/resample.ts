/**
 * Pillow's bilinear resize, bit for bit: two passes in fixed point, the result of the first rounded to bytes
 * (src/libImaging/Resample.c). Only the part that the crop needs is computed.
 *
 * The loops are WebAssembly's, in vectors, which take a fifth of the time of JavaScript (`kernel.ts`). An image goes through
 * their memory in strips, so that a large one does not make it large.
 */

import { bestKernel, type Kernel } from './kernel.js';
import { type Axis, spanOf, type Taps, tapsOf } from './taps.js';

const CHANNELS = 3;

/** The kernel takes so many rows at a time in the horizontal pass. */
const ROWS = 4;

/** Of a weight's bits, in the first word of a pair of taps; the others are in the second. */
const LOW_BITS = 11;

const WORD_BYTES = 4;
const PAIR_BYTES = 2 * WORD_BYTES;

/** Of the source, at a time, about. */
const STRIP_BYTES = 2 ** 18;

const best = bestKernel();

/**
 * The wanted part of a resized image: `pixels` are RGB rows of the source's `sourceSpan(x)` by `sourceSpan(y)`; the result
 * is `y.length` rows of `x.length` RGB pixels.
 */
export function resample(pixels: Uint8Array, x: Axis, y: Axis, kernel: Kernel = best): Uint8Array {
  const [across, down] = [tapsOf(x), tapsOf(y)];
  const result = new Uint8Array(y.length * x.length * CHANNELS);
  if (isDownFirst(x, y)) {
    const stride = widthOf(across) * CHANNELS;
    const between = scratch(y.length * stride);
    resampleColumns(kernel, pixels, down, stride, between);
    resampleRows(kernel, between, across, result);
  } else {
    const stride = x.length * CHANNELS;
    const between = scratch(widthOf(down) * stride);
    resampleRows(kernel, pixels, across, between);
    resampleColumns(kernel, between, down, stride, result);
  }
  return result;
}

let kept = new Uint8Array(0);

/** Bytes between the passes, which run to their end undisturbed: one buffer serves all images. */
function scratch(length: number): Uint8Array {
  if (kept.length < length) kept = new Uint8Array(length);
  return kept.subarray(0, length);
}

/**
 * Whether the vertical pass is the first one: since Pillow 13, where the height shrinks by more than twice what the width
 * does, as that of an image does which is more than twice as tall as wide.
 */
function isDownFirst(x: Axis, y: Axis): boolean {
  return y.from > y.to && y.from - y.to > 2 * (x.from - x.to);
}

/** Horizontal pass: rows of the span of `taps` become rows of one RGB pixel for each of `taps`. */
function resampleRows(kernel: Kernel, pixels: Uint8Array, taps: Taps, result: Uint8Array): void {
  const stride = widthOf(taps) * CHANNELS;
  const height = pixels.length / stride;
  const width = taps.first.length;
  const length = width * CHANNELS;
  const most = wholeRows(Math.min(Math.max(STRIP_BYTES / stride, 1), height));
  const filter = filterOf(taps, CHANNELS);
  const { source, target, first, weights, memory } = layOut(kernel, filter, most * stride, most * length);
  for (let row = 0; row < height; row += most) {
    const rows = Math.min(most, height - row);
    memory.set(pixels.subarray(row * stride, (row + rows) * stride), source);
    kernel.resampleRows(source, stride, wholeRows(rows), first, weights, filter.pairs, width, target);
    result.set(memory.subarray(target, target + rows * length), row * length);
  }
}

/** Vertical pass: rows of `stride` bytes, as many as the span of `taps` has, become one for each of `taps`. */
function resampleColumns(kernel: Kernel, pixels: Uint8Array, taps: Taps, stride: number, result: Uint8Array): void {
  const strips = stripsOf(taps, STRIP_BYTES / stride);
  const mostSource = Math.max(...strips.map(({ top, bottom }) => bottom - top)) + 1; // the tap that pads a pair is read
  const mostTarget = Math.max(...strips.map(({ from, to }) => to - from));
  const filter = filterOf(taps, stride);
  const { source, target, first, weights, memory } = layOut(kernel, filter, mostSource * stride, mostTarget * stride);
  for (const { from, to, top, bottom } of strips) {
    memory.set(pixels.subarray(top * stride, bottom * stride), source);
    const ownFirst = first + from * WORD_BYTES;
    const ownWeights = weights + from * filter.pairs * PAIR_BYTES;
    kernel.resampleColumns(source - top * stride, stride, to - from, ownFirst, ownWeights, filter.pairs, target);
    result.set(memory.subarray(target, target + (to - from) * stride), from * stride);
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
  const { start } = spanOf(taps);
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

/** Places in the kernel's memory for so many bytes of a source and a target, and for a filter, which is written there. */
function layOut(kernel: Kernel, { first, weights }: Filter, sourceBytes: number, targetBytes: number) {
  const { places, memory } = kernel.reserve(first.byteLength, weights.byteLength, sourceBytes, targetBytes);
  const [firstAt, weightsAt, source, target] = places as [number, number, number, number];
  const words = new Int32Array(memory);
  words.set(first, firstAt / WORD_BYTES);
  words.set(weights, weightsAt / WORD_BYTES);
  return { first: firstAt, weights: weightsAt, source, target, memory: new Uint8Array(memory) };
}

/** Pixels that all of `taps` together depend on. */
function widthOf(taps: Taps): number {
  const { start, end } = spanOf(taps);
  return end - start;
}

const wholeRows = (rows: number): number => Math.ceil(rows / ROWS) * ROWS;

/**
 * Pillow's bilinear resize, bit for bit: two passes in fixed point, the result of the first rounded to bytes
 * (src/libImaging/Resample.c). Only the part that the crop needs is computed.
 *
 * The loops are in `assembly/resample.ts`, in vectors, which take a fifth of the time of JavaScript. An image goes through
 * their memory in strips, so that a large one does not make it large.
 */

import { kernels, reserve } from './kernel.js';
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

/**
 * The wanted part of a resized image: `pixels` are RGB rows of the source's `sourceSpan(x)` by `sourceSpan(y)`; the result
 * is `y.length` rows of `x.length` RGB pixels.
 */
export function resample(pixels: Uint8Array, x: Axis, y: Axis): Uint8Array {
  const [across, down] = [tapsOf(x), tapsOf(y)];
  return isDownFirst(x, y)
    ? resampleRows(resampleColumns(pixels, down, widthOf(across) * CHANNELS), across)
    : resampleColumns(resampleRows(pixels, across), down, x.length * CHANNELS);
}

/**
 * Whether the vertical pass is the first one: since Pillow 13, where the height shrinks by more than twice what the width
 * does, as that of an image does which is more than twice as tall as wide.
 */
function isDownFirst(x: Axis, y: Axis): boolean {
  return y.from > y.to && y.from - y.to > 2 * (x.from - x.to);
}

/** Horizontal pass: rows of the span of `taps` become rows of one RGB pixel for each of `taps`. */
function resampleRows(pixels: Uint8Array, taps: Taps): Uint8Array {
  const stride = widthOf(taps) * CHANNELS;
  const height = pixels.length / stride;
  const width = taps.first.length;
  const length = width * CHANNELS;
  const most = wholeRows(Math.min(Math.max(STRIP_BYTES / stride, 1), height));
  const filter = filterOf(taps, CHANNELS);
  const { source, target, first, weights, memory } = layOut(filter, most * stride, most * length);
  const result = new Uint8Array(height * length);
  for (let row = 0; row < height; row += most) {
    const rows = Math.min(most, height - row);
    memory.set(pixels.subarray(row * stride, (row + rows) * stride), source);
    kernels.resampleRows(source, stride, wholeRows(rows), first, weights, filter.pairs, width, target);
    result.set(memory.subarray(target, target + rows * length), row * length);
  }
  return result;
}

/** Vertical pass: rows of `stride` bytes, as many as the span of `taps` has, become one for each of `taps`. */
function resampleColumns(pixels: Uint8Array, taps: Taps, stride: number): Uint8Array {
  const height = taps.first.length;
  const { start } = spanOf(taps);
  const top = (row: number) => (taps.first[row] as number) - start;
  const bottom = (row: number) => top(row) + (taps.count[row] as number);
  // The first row of the result in each strip, and the end.
  const strips = [0];
  for (let row = 1; row < height; row += 1) {
    if ((bottom(row) - top(strips.at(-1) as number)) * stride > STRIP_BYTES) strips.push(row);
  }
  strips.push(height);
  const parts = strips.slice(1).map((to, i) => ({ from: strips[i] as number, to }));
  const most = (count: (part: { from: number; to: number }) => number) => Math.max(...parts.map(count));

  const filter = filterOf(taps, stride);
  const sourceRows = most(({ from, to }) => bottom(to - 1) - top(from)) + 1; // the tap that pads a pair is read
  const { source, target, first, weights, memory } = layOut(
    filter,
    sourceRows * stride,
    most(({ from, to }) => to - from) * stride,
  );
  const result = new Uint8Array(height * stride);
  for (const { from, to } of parts) {
    memory.set(pixels.subarray(top(from) * stride, bottom(to - 1) * stride), source);
    kernels.resampleColumns(
      source - top(from) * stride,
      stride,
      to - from,
      first + from * WORD_BYTES,
      weights + from * filter.pairs * PAIR_BYTES,
      filter.pairs,
      target,
    );
    result.set(memory.subarray(target, target + (to - from) * stride), from * stride);
  }
  return result;
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
function layOut({ first, weights }: Filter, sourceBytes: number, targetBytes: number) {
  const { places, memory } = reserve(first.byteLength, weights.byteLength, sourceBytes, targetBytes);
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

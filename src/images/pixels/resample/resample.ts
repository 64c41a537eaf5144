/**
 * Pillow's bilinear resize, bit for bit: two passes in fixed point, the result of the first rounded to bytes
 * (src/libImaging/Resample.c). Only the part that the crop needs is computed.
 */

import { readFileSync } from 'node:fs';
import { CHANNELS } from '../rgb/geometry.js';
import type { Passes } from './passes.js';
import { plainPasses } from './plain-passes.js';
import { type Axis, type Taps, widthOf } from './taps.js';
import { vectorPasses } from './vector-passes.js';

let best: Passes | undefined;

/**
 * The fastest passes that there are, made when they are first asked for. With `ulimit -v` those in vectors would take the
 * addresses that the network needs.
 */
export function bestPasses(): Passes {
  best ??= isAddressSpaceLimited() ? plainPasses : vectorPasses();
  return best;
}

function isAddressSpaceLimited(): boolean {
  try {
    return /^Max address space\s+\d/m.test(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return false; // not Linux
  }
}

/**
 * The wanted part of a resized image: `pixels` are RGB rows of those pixels of the source that the taps `across` and `down`
 * depend on (`sourceRange`); the result is a row for each of `down` of an RGB pixel for each of `across`.
 */
export function resample(pixels: Uint8Array, across: Taps, down: Taps, passes: Passes): Uint8Array {
  const [x, y] = [across.axis, down.axis];
  const result = new Uint8Array(y.length * x.length * CHANNELS);
  if (isDownFirst(x, y)) {
    const stride = widthOf(across) * CHANNELS;
    const between = scratch(y.length * stride);
    passes.columns(pixels, down, stride, between);
    passes.rows(between, across, result);
  } else {
    const stride = x.length * CHANNELS;
    const between = scratch(widthOf(down) * stride);
    passes.rows(pixels, across, between);
    passes.columns(between, down, stride, result);
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

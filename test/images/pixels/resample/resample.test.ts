/** Expected values by fixtures/expected/make_resample.py, which resizes with Pillow. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Passes } from '../../../../src/images/pixels/resample/passes.js';
import { plainPasses } from '../../../../src/images/pixels/resample/plain-passes.js';
import { resample } from '../../../../src/images/pixels/resample/resample.js';
import { sourceRange, tapsOf } from '../../../../src/images/pixels/resample/taps.js';
import { vectorPasses } from '../../../../src/images/pixels/resample/vector-passes.js';

interface Crop {
  /** Width and height before, and after. */
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly offset: readonly [number, number];
  readonly crop: number;
  readonly sha256: string;
}

const EXPECTED = new URL('../../../../fixtures/expected/resample.json', import.meta.url);
const { crops } = JSON.parse(readFileSync(EXPECTED, 'utf8')) as { readonly crops: readonly Crop[] };

/** The wanted crop of noise of which byte i is the highest of i * 2654435761. */
function resized({ from, to, offset, crop }: Crop, passes: Passes): Uint8Array {
  const taps = (n: 0 | 1) => tapsOf({ from: from[n], to: to[n], offset: offset[n], length: crop });
  const [across, down] = [taps(0), taps(1)];
  const [columns, rows] = [sourceRange(across), sourceRange(down)];
  const stride = (columns.end - columns.start) * 3;
  const pixels = new Uint8Array((rows.end - rows.start) * stride);
  for (let at = 0, row = rows.start; row < rows.end; row += 1) {
    const first = (row * from[0] + columns.start) * 3;
    for (let i = first; i < first + stride; i += 1, at += 1) pixels[at] = Math.imul(i, 2654435761) >>> 24;
  }
  return resample(pixels, across, down, passes);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.each([
  ['in vectors', vectorPasses()],
  ['in JavaScript', plainPasses],
])('%s', (_, passes) => {
  test.each(crops)('$from to $to, $crop of it: Pillow’s bytes', (crop) => {
    const bytes = resized(crop, passes);
    expect(bytes.length).toBe(crop.crop ** 2 * 3);
    expect(sha256(bytes)).toBe(crop.sha256);
  });

  test('the result is the caller’s own: the next image does not change it', () => {
    const [first, second] = crops as [Crop, Crop];
    const bytes = resized(first, passes);
    resized(second, passes);
    expect(sha256(bytes)).toBe(first.sha256);
  });
});

/** Expected values by Pillow 13: `Image.alpha_composite` over white, and `convert('RGB')` of CMYK. */

import { describe, expect, test } from 'vitest';
import { rgbFromCmyk, rgbFromRgba } from '../../../../src/images/pixels/rgb/composite.js';

describe('rgbFromRgba', () => {
  test.each([
    [0, [255, 255, 255, 255, 255, 255, 255, 255, 255]],
    [1, [254, 254, 254, 255, 255, 255, 254, 254, 255]],
    [64, [191, 194, 216, 224, 241, 255, 191, 223, 223]],
    [127, [128, 133, 178, 193, 228, 255, 128, 191, 192]],
    [128, [127, 132, 177, 192, 227, 255, 128, 191, 191]],
    [254, [1, 11, 101, 130, 200, 255, 2, 128, 128]],
    [255, [0, 10, 100, 130, 200, 255, 1, 127, 128]],
  ])('with an opacity of %i gives Pillow’s bytes', (alpha, expected) => {
    const pixels = Uint8Array.of(0, 10, 100, alpha, 130, 200, 255, alpha, 1, 127, 128, alpha);
    expect([...rgbFromRgba(pixels, 4)]).toEqual(expected);
  });
});

describe('rgbFromCmyk', () => {
  test('gives Pillow’s bytes', () => {
    const inks = Uint8Array.of(0, 10, 100, 0, 255, 0, 30, 40, 127, 128, 1, 200, 9, 99, 199, 255);
    expect([...rgbFromCmyk(inks, 4)]).toEqual([255, 245, 155, 0, 215, 190, 28, 27, 55, 0, 0, 0]);
  });
});

test.each([rgbFromRgba, rgbFromCmyk])('%o takes no second buffer and leaves out what follows the fourth', (convert) => {
  const four = convert(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 4);
  const pixels = Uint8Array.of(1, 2, 3, 4, 99, 5, 6, 7, 8, 99);
  const converted = convert(pixels, 5);
  expect(converted).toEqual(four);
  expect(converted.buffer).toBe(pixels.buffer);
});

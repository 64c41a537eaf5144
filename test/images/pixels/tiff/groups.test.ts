/** More strips than are decoded at once. */

import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeTiff } from '../../../../src/images/pixels/tiff/decode.js';
import { readLayout } from '../../../../src/images/pixels/tiff/layout.js';

const [WIDTH, HEIGHT] = [3, 9000];
const [SHORT, LONG] = [3, 4];

/** Row `y` of pixel `x` in colour `c`. */
const valueAt = (x: number, y: number, c: number) => (y * 7 + x * 31 + c * 101) % 256;

/** Every row is a strip, compressed as Deflate. */
function tiff(samples: 1 | 3): Buffer {
  const strips = Array.from({ length: HEIGHT }, (_, y) =>
    deflateSync(
      Uint8Array.from({ length: WIDTH * samples }, (_, i) => valueAt(Math.floor(i / samples), y, i % samples)),
    ),
  );
  const bitsAt = 8 + 2 + 9 * 12 + 4;
  const offsetsAt = bitsAt + 8;
  const countsAt = offsetsAt + 4 * HEIGHT;
  const head = Buffer.alloc(countsAt + 4 * HEIGHT);
  head.write('II*\0', 0, 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(9, 8);
  [
    [256, SHORT, 1, WIDTH],
    [257, SHORT, 1, HEIGHT],
    [258, SHORT, samples, samples === 1 ? 8 : bitsAt],
    [259, SHORT, 1, 8],
    [262, SHORT, 1, samples === 1 ? 1 : 2],
    [273, LONG, HEIGHT, offsetsAt],
    [277, SHORT, 1, samples],
    [278, SHORT, 1, 1],
    [279, LONG, HEIGHT, countsAt],
  ].forEach(([tag = 0, type = 0, count = 0, value = 0], i) => {
    const at = 10 + 12 * i;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(count, at + 4);
    head.writeUInt32LE(value, at + 8);
  });
  for (let c = 0; c < 3; c += 1) head.writeUInt16LE(8, bitsAt + 2 * c);
  let place = head.length;
  strips.forEach((strip, y) => {
    head.writeUInt32LE(place, offsetsAt + 4 * y);
    head.writeUInt32LE(strip.length, countsAt + 4 * y);
    place += strip.length;
  });
  return Buffer.concat([head, ...strips]);
}

test.each([
  ['grey', 1],
  ['RGB', 3],
] as const)('of %s: any part is right', async (_name, samples) => {
  const file = tiff(samples);
  for (const wanted of [
    { left: 0, top: 0, width: WIDTH, height: HEIGHT },
    { left: 1, top: 4000, width: 2, height: 4500 },
    { left: 0, top: 8990, width: 1, height: 10 },
  ]) {
    const pixels = await decodeTiff(file, readLayout(file), wanted);
    const expected = Uint8Array.from({ length: wanted.width * wanted.height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      const [x, y] = [wanted.left + (pixel % wanted.width), wanted.top + Math.floor(pixel / wanted.width)];
      return valueAt(x, y, samples === 1 ? 0 : i % 3);
    });
    expect(Buffer.from(pixels).equals(Buffer.from(expected))).toBe(true);
  }
});

test('the last one damaged, the first one wanted', async () => {
  const file = tiff(3);
  file.fill(0xff, readLayout(file).grid.offsets.at(-1));
  const corner = { left: 0, top: 0, width: 1, height: 1 };
  await expect(decodeTiff(file, readLayout(file), corner)).rejects.toThrow(/tiff2vips/);
});

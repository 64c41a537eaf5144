import fs from 'node:fs';
import { expect, test } from 'vitest';
import { cropOffset, resizedSize } from '../../../../src/images/pixels/rgb/geometry.js';

type Row = [
  width: number,
  height: number,
  resize: number,
  crop: number,
  newWidth: number,
  newHeight: number,
  left: number,
  top: number,
];

/** From torchvision, by fixtures/expected/make_preprocess.py. */
const ROWS: Row[] = JSON.parse(
  fs.readFileSync(new URL('../../../../fixtures/expected/preprocess-geometry.json', import.meta.url), 'utf8'),
);

test('sizes and crops are those of torchvision', () => {
  expect(ROWS.length).toBeGreaterThan(500);
  for (const [width, height, resize, crop, newWidth, newHeight, left, top] of ROWS) {
    const size = resizedSize({ width, height }, resize);
    expect(
      [size, cropOffset(size.width, crop), cropOffset(size.height, crop)],
      `${width}x${height}, ${resize}`,
    ).toEqual([{ width: newWidth, height: newHeight }, left, top]);
  }
});

/** Rows that the tests of the formats share. */

import type { ClassifiedRow, FailedRow } from '../../../src/output/rows/records.js';

const f32 = Math.fround;

export const OK: ClassifiedRow = {
  path: 'a/b.jpg',
  index: 12,
  identity: '100:1',
  status: 'ok',
  width: 640,
  height: 480,
  top: [
    { rank: 1, class: 281, label: 'tabby, tabby cat', prob: f32(0.531), logit: f32(11.25) },
    { rank: 2, class: 285, label: 'Egyptian "cat"', prob: f32(0.1), logit: f32(-0.3) },
  ],
};

export const FAILED: FailedRow = {
  path: 'x\n"y",\u001B[31mz.jpg',
  index: 13,
  identity: '200:2',
  status: 'error',
  error: { code: 'DECODE_FAILED', message: 'Expected a whole JPEG but it is cut off.' },
};

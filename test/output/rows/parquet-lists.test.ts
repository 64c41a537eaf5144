import { ByteWriter } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import type { ArraySpec } from '../../../src/output/arrays/spec.js';
import { placeOfLists, readLists, writeLists } from '../../../src/output/rows/parquet-lists.js';

type Numbers = Float32Array | Uint16Array;

function written(spec: ArraySpec, numbers: Numbers, blank: readonly boolean[]) {
  const writer = new ByteWriter();
  writer.appendUint32(0);
  const { meta_data: about } = writeLists(writer, spec, numbers, blank);
  if (about === undefined) throw new Error('nothing is said about the pages');
  const { start, length } = placeOfLists(about);
  return { about, bytes: writer.getBytes().slice(start, start + length) };
}

const pages: [string, ArraySpec, boolean[]][] = [
  ['one number a row', { name: 'x', shape: [1], dtype: 'f32' }, [false, true, false, false]],
  ['half floats', { name: 'x', shape: [3, 5], dtype: 'f16' }, [true, false, false]],
  ['many pages', { name: 'x', shape: [4096], dtype: 'f32' }, Array.from({ length: 300 }, (_, row) => row % 7 === 3)],
  ['rows larger than a page', { name: 'x', shape: [1 << 20], dtype: 'f16' }, [false, true, false]],
  ['no numbers at all', { name: 'x', shape: [9], dtype: 'f32' }, [true, true]],
];

describe('rows come back as they were', () => {
  test.each(pages)('%s', (_, spec, blank) => {
    const length = spec.shape.reduce((a, b) => a * b);
    const value = (i: number) => i % 0x7c00;
    const numbers =
      spec.dtype === 'f32'
        ? Float32Array.from({ length: blank.length * length }, (_, i) => value(i))
        : Uint16Array.from({ length: blank.length * length }, (_, i) => value(i));
    const { about, bytes } = written(spec, numbers, blank);
    const nulls = blank.filter((isBlank) => isBlank).length;
    expect(Number(about.num_values)).toBe((blank.length - nulls) * length + nulls);
    for (const [row, isBlank] of blank.entries()) {
      if (isBlank) numbers.fill(spec.dtype === 'f32' ? Number.NaN : 0x7e00, row * length, (row + 1) * length);
    }
    const read = readLists(bytes, spec, blank.length);
    expect(read.blank).toEqual(blank);
    expect(Buffer.from(read.numbers.buffer).equals(Buffer.from(numbers.buffer))).toBe(true);
  });
});

test('another number of rows than there should be is refused', () => {
  const spec: ArraySpec = { name: 'fc7', shape: [4], dtype: 'f32' };
  const { bytes } = written(spec, new Float32Array(12), [false, false, false]);
  expect(() => readLists(bytes, spec, 2)).toThrow();
  expect(() => readLists(bytes, spec, 4)).toThrow('fc7 has 12 numbers');
});

import { expect, test } from 'vitest';
import { openTiff, type TiffData, TiffDirectory, wholeDirectory } from '../../../src/images/ifd/directory.js';
import { type Entry, file, LONG, RATIONAL, SHORT, TEXT } from './files.js';

test('numbers stand in the entry or where it says', () => {
  const bytes = file(
    [
      { tag: 256, type: SHORT, count: 1, value: 7 },
      { tag: 273, type: LONG, count: 2, value: 50 },
      { tag: 529, type: RATIONAL, count: 1, value: 50 },
    ],
    Buffer.from([3, 0, 0, 0, 2, 0, 0, 0]),
  );
  const directory = wholeDirectory(bytes);
  expect(directory.number(256)).toBe(7);
  expect(directory.numbers(273)).toEqual([3, 2]);
  expect(directory.numbers(273, 1)).toEqual([3]);
  expect(directory.numbers(529)).toEqual([1.5]);
  expect(directory.numbers(999)).toBeUndefined();
});

test('of two entries with one tag the first counts', () => {
  const entries = [7, 8].map((value) => ({ tag: 256, type: SHORT, count: 1, value }));
  expect(wholeDirectory(file(entries)).number(256)).toBe(7);
});

test('a value beyond the end, and every one after it, is an error only for who asks for it', () => {
  const directory = wholeDirectory(
    file([
      { tag: 256, type: SHORT, count: 1, value: 7 },
      { tag: 282, type: RATIONAL, count: 1, value: 4_000_000_000 },
      { tag: 338, type: SHORT, count: 1, value: 2 },
    ]),
  );
  expect(directory.number(256)).toBe(7);
  expect(() => directory.number(282)).toThrow('beyond the end of the file');
  expect(() => directory.number(338)).toThrow('beyond the end of the file');
});

test('a count that no file could have takes no memory', () => {
  const directory = wholeDirectory(file([{ tag: 273, type: LONG, count: 0xffffffff, value: 8 }]));
  expect(() => directory.numbers(273)).toThrow('beyond the end of the file');
});

test.each([
  ['text', TEXT],
  ['an unknown type', 99],
])('%s is no number', (_name, type) => {
  expect(() => wholeDirectory(file([{ tag: 256, type, count: 1, value: 7 }])).number(256)).toThrow('type');
});

test('a directory that the file does not hold is an error', () => {
  const whole = file([{ tag: 256, type: SHORT, count: 1, value: 7 }]);
  for (let length = 0; length < whole.length - 4; length += 1) {
    expect(() => wholeDirectory(whole.subarray(0, length)), `${length} bytes`).toThrow();
  }
  const big = Buffer.concat([Buffer.from('II+\0\x08\0\0\0', 'latin1'), Buffer.alloc(8, 0xff), Buffer.alloc(32)]);
  expect(() => wholeDirectory(big)).toThrow();
});

test('what cannot be read is not there for who asks as Pillow does', () => {
  const directory = pillowsDirectory([
    { tag: 256, type: SHORT, count: 1, value: 7 },
    { tag: 257, type: 99, count: 1, value: 8 },
    { tag: 257, type: SHORT, count: 1, value: 9 },
    { tag: 282, type: RATIONAL, count: 1, value: 4_000_000_000 },
    { tag: 338, type: SHORT, count: 1, value: 2 },
  ]);
  expect([256, 257, 282, 338].map((tag) => directory.value(tag))).toEqual([[7], [9], undefined, undefined]);
});

test('values that are longer than the file in all are passed over, and nothing else', () => {
  const directory = pillowsDirectory([
    { tag: 254, type: LONG, count: 0xffffffff, value: 8 },
    { tag: 282, type: RATIONAL, count: 1, value: 8 },
    { tag: 338, type: SHORT, count: 1, value: 2 },
  ]);
  expect([254, 282, 338].map((tag) => directory.value(tag))).toEqual([undefined, undefined, [2]]);
  expect(() => directory.numbers(254)).toThrow('beyond the end of the file');
});

function pillowsDirectory(entries: readonly Entry[]): TiffDirectory {
  return new TiffDirectory(openTiff(file(entries)) as TiffData);
}

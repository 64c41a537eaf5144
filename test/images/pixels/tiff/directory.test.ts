import { expect, test } from 'vitest';
import { TiffDirectory } from '../../../../src/images/pixels/tiff/directory.js';
import { readLayout } from '../../../../src/images/pixels/tiff/layout.js';

const [SHORT, LONG, RATIONAL, TEXT] = [3, 4, 5, 2];

interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** A value, or the place of several. */
  readonly value: number;
}

/** A little-endian classic TIFF of entries, with `behind` after them, at byte `10 + 12 * entries + 4`. */
function file(entries: readonly Entry[], behind = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(10 + 12 * entries.length + 4);
  head.write('II*\0', 0, 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(entries.length, 8);
  entries.forEach(({ tag, type, count, value }, i) => {
    head.writeUInt16LE(tag, 10 + 12 * i);
    head.writeUInt16LE(type, 12 + 12 * i);
    head.writeUInt32LE(count, 14 + 12 * i);
    head.writeUInt32LE(value, 18 + 12 * i);
  });
  return Buffer.concat([head, behind]);
}

test('numbers stand in the entry or where it says', () => {
  const bytes = file(
    [
      { tag: 256, type: SHORT, count: 1, value: 7 },
      { tag: 273, type: LONG, count: 2, value: 50 },
      { tag: 529, type: RATIONAL, count: 1, value: 50 },
    ],
    Buffer.from([3, 0, 0, 0, 2, 0, 0, 0]),
  );
  const directory = new TiffDirectory(bytes);
  expect(directory.number(256)).toBe(7);
  expect(directory.numbers(273)).toEqual([3, 2]);
  expect(directory.numbers(273, 1)).toEqual([3]);
  expect(directory.numbers(529)).toEqual([1.5]);
  expect(directory.numbers(999)).toBeUndefined();
});

test('of two entries with one tag the first counts', () => {
  const entries = [7, 8].map((value) => ({ tag: 256, type: SHORT, count: 1, value }));
  expect(new TiffDirectory(file(entries)).number(256)).toBe(7);
});

test('a value beyond the end, and every one after it, is an error only for who asks for it', () => {
  const directory = new TiffDirectory(
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
  const directory = new TiffDirectory(file([{ tag: 273, type: LONG, count: 0xffffffff, value: 8 }]));
  expect(() => directory.numbers(273)).toThrow('beyond the end of the file');
});

test.each([
  ['text', TEXT],
  ['an unknown type', 99],
])('%s is no number', (_name, type) => {
  expect(() => new TiffDirectory(file([{ tag: 256, type, count: 1, value: 7 }])).number(256)).toThrow('type');
});

test('a directory that the file does not hold is an error', () => {
  const whole = file([{ tag: 256, type: SHORT, count: 1, value: 7 }]);
  for (let length = 0; length < whole.length - 4; length += 1) {
    expect(() => new TiffDirectory(whole.subarray(0, length)), `${length} bytes`).toThrow();
  }
  const big = Buffer.concat([Buffer.from('II+\0\x08\0\0\0', 'latin1'), Buffer.alloc(8, 0xff), Buffer.alloc(32)]);
  expect(() => new TiffDirectory(big)).toThrow();
});

test.each([
  ['no size', []],
  ['no strips', [size(256), size(257), bits(), { tag: 262, type: SHORT, count: 1, value: 1 }]],
  ['no pixels', [{ ...size(256), value: 0 }, size(257)]],
])('a picture of %s is damaged', (_name, entries) => {
  expect(() => readLayout(file(entries))).toThrow(/the directory has/);
});

test('fewer strips than the picture has are an error', () => {
  const strip = (tag: number) => ({ tag, type: LONG, count: 1, value: 8 });
  const entries = [size(256), size(257), bits(), { tag: 262, type: SHORT, count: 1, value: 1 }];
  const rows = { tag: 278, type: LONG, count: 1, value: 1 };
  expect(() => readLayout(file([...entries, strip(273), rows, strip(279)]))).toThrow('1 of 4 strips');
});

test.each<[string, Entry]>([
  ['a palette as large as the file', { tag: 320, type: SHORT, count: 500_000, value: 8 }],
  ['strips without number', { tag: 278, type: LONG, count: 1, value: 1 }],
])('%s takes no memory', (_name, entry) => {
  const photometric = { tag: 262, type: SHORT, count: 1, value: entry.tag === 320 ? 3 : 1 };
  const height = { tag: 257, type: LONG, count: 1, value: 0xffffffff };
  const entries = [size(256), height, bits(), photometric, { tag: 273, type: LONG, count: 1, value: 8 }, entry];
  expect(() => readLayout(file(entries, Buffer.alloc(1_000_000)))).toThrow(/palette has 500000|4294967295 strips/);
});

test('a size that is not a whole number is an error', () => {
  const half = { tag: 256, type: RATIONAL, count: 1, value: 26 };
  expect(() => readLayout(file([half], Buffer.from([3, 0, 0, 0, 2, 0, 0, 0])))).toThrow('not one whole number');
});

function size(tag: number): Entry {
  return { tag, type: SHORT, count: 1, value: 4 };
}

function bits(): Entry {
  return { tag: 258, type: SHORT, count: 1, value: 8 };
}

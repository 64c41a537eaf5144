import { expect, test } from 'vitest';
import { readLayout } from '../../../../src/images/pixels/tiff/layout.js';
import { type Entry, file, LONG, RATIONAL, SHORT } from '../../ifd/files.js';

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

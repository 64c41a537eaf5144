import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeImage } from '../../../src/images/facts/describe.js';
import { type LoadOptions, loadImage } from '../../../src/images/load.js';

/** Photos of 8x12 and what Pillow makes of them: fixtures/expected/make_orientation.py. */
const EXPECTED = new URL('../../../fixtures/expected/orientation.json', import.meta.url);
const SIDE = 8;
const OPTIONS: LoadOptions = { resize: SIDE, crop: SIDE, autoOrient: true, decode: 'exact', maxPixels: 1000 };

/** AVIF is not decoded to the same bytes everywhere; the corners of these photos differ by 200 and more. */
const TOLERANCE = { avif: 24 } as Readonly<Record<string, number>>;

interface Square {
  readonly size: readonly [number, number];
  readonly pixels: string;
}

interface Case {
  readonly file: string;
  readonly loaded: Square;
  readonly upright: Square;
  readonly taken: string | null;
}

const CROPPED = 'cropped.avif';

const all = Object.entries(JSON.parse(fs.readFileSync(EXPECTED, 'utf8')) as Record<string, Case>).map(
  ([name, { file, ...expected }]) => ({ name, bytes: fileOf(file), ...expected }),
);

const cases = all.filter(({ name }) => name !== CROPPED);

function fileOf(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function load(name: string, bytes: Buffer, options: Partial<LoadOptions> = {}) {
  const source = { file: Buffer.from(name), member: { content: bytes, size: bytes.length, archiveMtimeNs: 0n } };
  return loadImage(source, { ...OPTIONS, ...options });
}

async function expectSquare(name: string, bytes: Buffer, expected: Square, options: Partial<LoadOptions>) {
  const { width, height, pixels } = await load(name, bytes, options);
  expect([width, height]).toEqual(expected.size);
  const differences = fileOf(expected.pixels).map((value, i) => Math.abs(value - (pixels[i] as number)));
  expect(Math.max(...differences)).toBeLessThanOrEqual(TOLERANCE[name.split('.').at(-1) as string] ?? 0);
}

describe('a photo is turned as Pillow turns it', () => {
  test.each(cases)('$name upright', async ({ name, bytes, upright }) => {
    await expectSquare(name, bytes, upright, { autoOrient: true });
  });

  test.each(cases)('$name as it is loaded', async ({ name, bytes, loaded }) => {
    await expectSquare(name, bytes, loaded, { autoOrient: false });
  });

  test.each(cases)('$name upright and reduced fast', async ({ name, bytes, upright }) => {
    await expectSquare(name, bytes, upright, { autoOrient: true, decode: 'fast' });
  });
});

describe('a photo was taken when Pillow says', () => {
  test.each(cases)('$name: $taken', async ({ bytes, taken }) => {
    expect((await describeImage(bytes)).taken).toBe(taken);
  });
});

test('an AVIF with a crop, which libheif applies and Pillow does not, is refused', async () => {
  const { bytes, loaded } = all.find(({ name }) => name === CROPPED) as (typeof all)[number];
  expect(loaded.size).toEqual([8, 12]);
  await expect(load(CROPPED, bytes)).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: 'Expected an AVIF as it is stored but received one with a crop (clap).',
  });
});

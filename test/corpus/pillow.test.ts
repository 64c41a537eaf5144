/**
 * Every file of a folder against Pillow: pixels, and whether there are any. The folder is one that nobody here made, such
 * as `Tests/images` of Pillow's repository: VGG16_TEST_CORPUS names it, and without it these tests are skipped.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Compared, compareWithPillow, PYTHON } from './compare.js';

const CORPUS = process.env.VGG16_TEST_CORPUS ?? '';

/** Largest difference of a byte. Everything but the exceptions below is equal, in fact. */
const TOLERANCE = 2;

/**
 * What may differ: an AVIF's colours are the decoder's choice, and Pillow clips samples that are signed, floats or of 32
 * bits to bytes, where they have no such range.
 */
const mayDiffer = ({ format, mode }: Compared) => format === 'AVIF' || mode === 'I' || mode === 'F';

/** Pillow refuses text beside the pixels that unpacks to more than a megabyte. The tool does not read such text. */
const refusedForText = ({ error }: Compared) => error?.includes('MAX_TEXT_CHUNK') === true;

/** Faxes of Pillow's own fuzzing with damaged lines, of which libtiff warns and Pillow gives what there is. */
const DAMAGED_FAXES = [
  'crash-0da013a13571cc8eb457a39fee8db18f8a3c7127.tif',
  'crash-74d2a78403a5a59db1fb0a2b8735ac068a75f6e3.tif',
];

describe.skipIf(CORPUS === '' || PYTHON === undefined)('a folder that nobody here made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-corpus-'));
  let compared: readonly Compared[] = [];
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(async () => {
    compared = await compareWithPillow(CORPUS, join(folder, 'pixels.bin'));
  }, 3_600_000);

  test('holds images that both decode', () => {
    expect(compared.filter(({ difference }) => difference !== undefined).length).toBeGreaterThan(0);
  });

  test('what the tool decodes has Pillow’s pixels', () => {
    expect(compared.filter((entry) => (entry.difference ?? 0) > TOLERANCE && !mayDiffer(entry))).toEqual([]);
  });

  test('what Pillow refuses is refused', () => {
    const decoded = compared.filter(({ error, refused }) => error !== undefined && refused === undefined);
    expect(decoded.filter((entry) => !refusedForText(entry))).toEqual([]);
  });

  test('what Pillow decodes is not called damaged', () => {
    const wrong = compared.filter(({ error, refused }) => error === undefined && refused?.startsWith('DECODE_FAILED'));
    expect(wrong.filter(({ path }) => !DAMAGED_FAXES.includes(path))).toEqual([]);
  });
});

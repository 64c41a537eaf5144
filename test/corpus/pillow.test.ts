/**
 * Every file of a folder against Pillow: pixels, and whether there are any. The folder is one that nobody here made, such
 * as `Tests/images` of Pillow's repository: VGG16_TEST_CORPUS names it, and without it these tests are skipped.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImageError } from '../../src/errors.js';
import { loadImage } from '../../src/image/load.js';
import { python } from '../python.js';

const CORPUS = process.env.VGG16_TEST_CORPUS ?? '';
const PYTHON = python(['PIL', 'numpy']);
const SCRIPT = fileURLToPath(new URL('pillow.py', import.meta.url));

/** torchvision's preset, as in pillow.py. */
const SETTINGS = { resize: 256, crop: 224, autoOrient: true, decode: 'exact', maxPixels: 178_956_970 } as const;
const CROP_BYTES = SETTINGS.crop ** 2 * 3;

/** Largest difference of a byte. Everything but the exceptions below is equal, in fact. */
const TOLERANCE = 2;

/**
 * What may differ: an AVIF's colours are the decoder's choice, and Pillow clips samples that are signed, floats or of 32
 * bits to bytes, where they have no such range.
 */
const isException = ({ format, mode }: Entry) => format === 'AVIF' || mode === 'I' || mode === 'F';

interface Entry {
  readonly path: string;
  readonly format?: string;
  readonly mode?: string;
  readonly width?: number;
  readonly height?: number;
  /** Why Pillow refuses it. */
  readonly error?: string;
}

interface Compared extends Entry {
  /** Of 255; `undefined` unless both decode it. */
  readonly difference?: number;
  /** The tool's code and sentence where it refuses the file. */
  readonly refused?: string;
}

describe.skipIf(CORPUS === '' || PYTHON === undefined)('a folder that nobody here made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-corpus-'));
  let compared: readonly Compared[] = [];
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(async () => {
    const pixels = join(folder, 'pixels.bin');
    const printed = execFileSync(PYTHON ?? '', [SCRIPT, CORPUS, pixels], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'], // libtiff warns of each odd tag
    });
    const entries: readonly Entry[] = JSON.parse(printed);
    const file = openSync(pixels, 'r');
    const results: Compared[] = [];
    for (const entry of entries) {
      const theirs = Buffer.alloc(CROP_BYTES);
      if (entry.error === undefined) readSync(file, theirs, 0, CROP_BYTES, null);
      results.push(await compare(entry, theirs));
    }
    closeSync(file);
    compared = results;
  }, 3_600_000);

  test('holds images that both decode', () => {
    expect(compared.filter(({ difference }) => difference !== undefined).length).toBeGreaterThan(0);
  });

  test('what the tool decodes has Pillow’s pixels', () => {
    const others = compared.filter((entry) => (entry.difference ?? 0) > TOLERANCE && !isException(entry));
    expect(others).toEqual([]);
  });

  test('what Pillow refuses is refused', () => {
    expect(compared.filter(({ error, refused }) => error !== undefined && refused === undefined)).toEqual([]);
  });

  test('what Pillow decodes is not called damaged', () => {
    const wrong = compared.filter(({ error, refused }) => error === undefined && refused?.startsWith('DECODE_FAILED'));
    expect(wrong).toEqual([]);
  });
});

async function compare(entry: Entry, theirs: Buffer): Promise<Compared> {
  try {
    const ours = await loadImage(join(CORPUS, entry.path), SETTINGS);
    if (entry.error !== undefined) return entry;
    const sameSize = ours.width === entry.width && ours.height === entry.height;
    const difference = sameSize
      ? theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - (ours.pixels[i] ?? Number.NaN))), 0)
      : 255;
    return { ...entry, difference };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return { ...entry, refused: `${error.code}: ${error.message}` };
  }
}

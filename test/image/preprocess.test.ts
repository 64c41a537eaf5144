/** Pixels against torchvision and Pillow; expected values by fixtures/expected/make_preprocess.py. */

import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadImage } from '../../src/image/load.js';

const FIXTURES = new URL('../../fixtures/', import.meta.url);
const PHOTOS = new URL('../../../shared/data/photos/', import.meta.url);

interface Expected {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly resize: number;
  readonly crop: number;
  readonly autoOrient: boolean;
  readonly stride: number;
}

interface Compared extends Expected {
  /** Mean over the sampled bytes of |ours - expected|, of 255. */
  readonly error: number;
}

async function compare(name: string, root: URL): Promise<Compared[]> {
  const entries: Expected[] = JSON.parse(fs.readFileSync(new URL(`expected/${name}.json`, FIXTURES), 'utf8'));
  const samples = fs.readFileSync(new URL(`expected/${name}.bin`, FIXTURES));
  const compared: Compared[] = [];
  let at = 0;
  for (const entry of entries) {
    const image = await loadImage(decodeURI(new URL(entry.path, root).pathname), {
      ...entry,
      decode: 'exact',
      maxPixels: 1e9,
    });
    expect(image, entry.path).toMatchObject({ width: entry.width, height: entry.height });
    expect(image.pixels.length).toBe(entry.crop * entry.crop * 3);
    const count = Math.ceil(image.pixels.length / entry.stride);
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      sum += Math.abs((image.pixels[i * entry.stride] ?? Number.NaN) - (samples[at + i] ?? Number.NaN));
    }
    at += count;
    compared.push({ ...entry, error: sum / count });
  }
  expect(at).toBe(samples.length);
  return compared;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const isEnlarged = ({ width, height, resize }: Expected) => Math.min(width, height) < resize;
/** libvips averages blocks of pixels before it filters when it reduces to a quarter or less; Pillow filters only. */
const isReducedMuch = ({ width, height, resize }: Expected) => Math.min(width, height) >= 4 * resize;
/** Chroma upsampling and colour matrix of an AVIF are the decoder's choice: libheif and Pillow's libavif differ. */
const isDecoderDependent = ({ path }: Expected) => path.endsWith('.avif');

/** Largest mean error allowed, of 255. */
function bar(image: Expected): number {
  if (isDecoderDependent(image)) return 1;
  return isReducedMuch(image) ? 1 : 0.8;
}

describe('the crop equals torchvision’s', () => {
  test('for every format, colour mode, orientation and size among the fixtures', async () => {
    const compared = await compare('preprocess', FIXTURES);
    expect(compared.length).toBeGreaterThan(100);
    expect(median(compared.map(({ error }) => error))).toBeLessThanOrEqual(0.3);
    expect(compared.filter((image) => image.error > bar(image))).toEqual([]);
  });

  test.skipIf(!fs.existsSync(PHOTOS))('for 200 photographs', async () => {
    const compared = await compare('preprocess-photos', PHOTOS);
    expect(compared.length).toBe(200);
    expect(median(compared.map(({ error }) => error))).toBeLessThanOrEqual(0.3);
    expect(compared.filter(({ error }) => error > 0.8)).toEqual([]);
    const enlarged = compared.filter(isEnlarged);
    expect(enlarged.length).toBeGreaterThan(10);
    expect(enlarged.filter(({ error }) => error > 0)).toEqual([]);
  });
});

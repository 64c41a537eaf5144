/** Pixels against torchvision and Pillow; expected values by fixtures/expected/make_preprocess.py. */

import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadImage } from '../../../src/images/load.js';
import { realData } from '../../data.js';

const FIXTURES = new URL('../../../fixtures/', import.meta.url);
const PHOTOS = realData('data/photos/');

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

/** Chroma upsampling and colour matrix of an AVIF are the decoder's choice: libheif and Pillow's libavif differ. */
const isDecoderDependent = ({ path }: Expected) => path.endsWith('.avif');

describe('the crop equals torchvision’s byte for byte', () => {
  test('for every format, colour mode, orientation and size among the fixtures', async () => {
    const compared = await compare('preprocess', FIXTURES);
    expect(compared.length).toBeGreaterThan(100);
    expect(compared.filter((image) => image.error > 0 && !isDecoderDependent(image))).toEqual([]);
    const decoders = compared.filter(isDecoderDependent);
    expect(decoders.length).toBeGreaterThan(0);
    expect(decoders.filter(({ error }) => error > 1)).toEqual([]);
  });

  test.skipIf(PHOTOS === undefined)('for 200 photographs', async () => {
    const compared = await compare('preprocess-photos', pathToFileURL(PHOTOS ?? ''));
    expect(compared.length).toBe(200);
    expect(compared.filter(({ error }) => error > 0)).toEqual([]);
  });
});

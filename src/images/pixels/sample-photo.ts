/** Images to measure with: photograph-like ones made of noise, and any image without its compression. */

import sharp from 'sharp';
import { sniff } from '../sniff/sniff.js';
import { CHANNELS, type Size } from './rgb/geometry.js';

/** Like most photographs of ImageNet, in pixels. */
export const SAMPLE_SIZE: Size = { width: 500, height: 375 };

/** With this quality a sample has about as many bytes as one of ImageNet's photographs of the same size, 110 kB. */
const JPEG_QUALITY = 90;

/** Largest and smallest structures, in pixels. */
const LARGEST = 256;
const SMALLEST = 1;

/** Range of the smallest structures' brightness, of 255; each doubling of the size adds as much. */
const CONTRAST = 42;

/**
 * A JPEG of noise whose structures are the stronger the larger they are, as in photographs (Field, "Relations between
 * the statistics of natural images and the response properties of cortical cells", 1987): it takes a decoder as long
 * as they do. The same `seed` gives the same pixels.
 */
export async function samplePhoto(seed: number, size: Size = SAMPLE_SIZE): Promise<Buffer> {
  const { width, height } = size;
  const values = new Float32Array(width * height * CHANNELS).fill(128);
  const random = generator(seed);
  for (let cell = LARGEST; cell >= SMALLEST; cell /= 2) {
    addOctave(values, size, cell, CONTRAST * (1 + Math.log2(cell)), random);
  }
  const pixels = Uint8Array.from(values, (value) => Math.max(0, Math.min(255, value)));
  const raw = { width, height, channels: CHANNELS } as const;
  return await sharp(pixels, { raw }).jpeg({ quality: JPEG_QUALITY }).toBuffer();
}

/** Adds smooth noise: random values on a grid of `cell` pixels, and straight lines between them. */
function addOctave(values: Float32Array, size: Size, cell: number, amplitude: number, random: () => number): void {
  const { width, height } = size;
  const stride = (Math.ceil(width / cell) + 1) * CHANNELS;
  const length = (Math.ceil(height / cell) + 1) * stride;
  const grid = Float32Array.from({ length }, () => amplitude * (random() - 0.5));
  const line = new Float32Array(stride);
  let i = 0;
  for (let y = 0; y < height; y += 1) {
    const above = Math.floor(y / cell) * stride;
    const down = (y % cell) / cell;
    for (let c = 0; c < stride; c += 1) line[c] = between(grid[above + c], grid[above + stride + c], down);
    for (let x = 0; x < width; x += 1) {
      const left = Math.floor(x / cell) * CHANNELS;
      const right = (x % cell) / cell;
      for (let c = left; c < left + CHANNELS; c += 1) {
        values[i] = (values[i] as number) + between(line[c], line[c + CHANNELS], right);
        i += 1;
      }
    }
  }
}

/** `share` of the way from `a` to `b`. */
function between(a: number | undefined, b: number | undefined, share: number): number {
  return (a as number) + ((b as number) - (a as number)) * share;
}

/** mulberry32: numbers from 0 to 1 that depend on the seed alone. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The pixels of an encoded image, upright, RGB, as an uncompressed TIFF: decoding it is only copying. A BMP has no
 * compression and stays as it is. Rejects with sharp's own error for an image that is damaged.
 */
export async function withoutCompression(bytes: Buffer): Promise<Buffer> {
  const kind = sniff(bytes);
  if ('format' in kind && kind.format === 'bmp') return bytes;
  return await sharp(bytes, { ignoreIcc: true })
    .autoOrient()
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .tiff({ compression: 'none' })
    .toBuffer();
}

import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';

const PHOTO = fileURLToPath(new URL('../../../fixtures/images/cat.jpg', import.meta.url));

test('libvips is set up by the first image and not by the import', async () => {
  const before = sharp.cache();
  const { loadImage } = await import('../../../src/images/load.js');
  expect(sharp.cache()).toEqual(before);
  expect(before.memory.max).toBeGreaterThan(0);
  const options = { resize: 64, crop: 56, autoOrient: true, decode: 'exact', maxPixels: 1e8 } as const;
  await loadImage(PHOTO, options);
  expect(sharp.cache().memory.max).toBe(0);
  expect(sharp.concurrency()).toBe(1);
});

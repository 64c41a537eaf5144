import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadImage } from '../../../src/images/load.js';
import { samplePhoto, withoutCompression } from '../../../src/images/pixels/sample-photo.js';

describe('samplePhoto', () => {
  it('is a JPEG of about as many bytes as a photograph, the same for the same seed', async () => {
    const [first, again, other] = await Promise.all([samplePhoto(1), samplePhoto(1), samplePhoto(2)]);
    expect(await sharp(first).metadata()).toMatchObject({ format: 'jpeg', width: 500, height: 375, channels: 3 });
    // ImageNet's of this size: 24 to 190 kB, 110 kB on average.
    expect(first?.length).toBeGreaterThan(70_000);
    expect(first?.length).toBeLessThan(150_000);
    expect(again?.equals(first as Buffer)).toBe(true);
    expect(other?.equals(first as Buffer)).toBe(false);
  });

  it('is neither flat nor clipped', async () => {
    const { channels } = await sharp(await samplePhoto(3)).stats();
    for (const { mean, stdev } of channels) {
      expect(Math.abs(mean - 128)).toBeLessThan(40);
      expect(stdev).toBeGreaterThan(25);
      expect(stdev).toBeLessThan(90);
    }
  });
});

describe('withoutCompression', () => {
  it('keeps every pixel, so that the network sees the same', async () => {
    const options = { resize: 256, crop: 224, autoOrient: true, decode: 'exact', maxPixels: 1e9 } as const;
    const load = (content: Buffer) =>
      loadImage({ file: Buffer.from('x'), member: { content, size: content.length, archiveMtimeNs: 0n } }, options);
    const photo = await samplePhoto(4);
    const [a, b] = await Promise.all([load(photo), withoutCompression(photo).then(load)]);
    expect(b.width).toBe(500);
    expect(Buffer.from(b.pixels).equals(Buffer.from(a.pixels))).toBe(true);
  });

  it('leaves a BMP as it is', async () => {
    const { file } = JSON.parse(readFileSync(new URL('../../../fixtures/expected/bmp.json', import.meta.url), 'utf8'))[
      '24'
    ];
    const bmp = Buffer.from(file, 'base64');
    expect(await withoutCompression(bmp)).toBe(bmp);
  });

  it('turns a photo upright and lays transparency over white', async () => {
    const turned = await sharp({ create: { width: 20, height: 10, channels: 3, background: 'red' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect(await sharp(await withoutCompression(turned)).metadata()).toMatchObject({ width: 10, height: 20 });
    const clear = await sharp({ create: { width: 4, height: 4, channels: 4, background: '#0000' } })
      .png()
      .toBuffer();
    const { data, info } = await sharp(await withoutCompression(clear))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    expect([...new Set(data)]).toEqual([255]);
  });
});

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImageError, type ImageErrorCode } from '../../src/errors.js';
import { type LoadOptions, loadImage } from '../../src/images/load.js';
import { readLayout } from '../../src/images/pixels/tiff/layout.js';

const ODD = fileURLToPath(new URL('../../fixtures/images-odd/', import.meta.url));
const PHOTOS = fileURLToPath(new URL('../../fixtures/images/', import.meta.url));
const OPTIONS: LoadOptions = { resize: 64, crop: 56, autoOrient: true, decode: 'exact', maxPixels: 100_000_000 };

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vgg16-load-'));
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const target = path.join(folder, name);
  fs.writeFileSync(target, content);
  return target;
}

async function failure(target: string | Buffer, options: Partial<LoadOptions> = {}): Promise<ImageError> {
  const error: unknown = await loadImage(target, { ...OPTIONS, ...options }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ImageError);
  return error as ImageError;
}

describe('a good image', () => {
  test.each(fs.readdirSync(PHOTOS).filter((name) => name.endsWith('.jpg')))('%s gives its crop', async (name) => {
    const { pixels, width, height } = await loadImage(path.join(PHOTOS, name), OPTIONS);
    expect(pixels).toHaveLength(56 * 56 * 3);
    expect(Math.max(width, height)).toBeGreaterThan(200);
  });

  test('opens whatever its extension says', async () => {
    expect(await loadImage(path.join(ODD, 'jpeg-called.png'), OPTIONS)).toMatchObject({ width: 300, height: 200 });
  });

  test('is turned upright by its EXIF orientation, or left as stored', async () => {
    for (const orientation of [5, 6, 7, 8]) {
      const target = path.join(ODD, `orientation-${orientation}.jpg`);
      expect(await loadImage(target, OPTIONS)).toMatchObject({ width: 90, height: 60 });
      expect(await loadImage(target, { ...OPTIONS, autoOrient: false })).toMatchObject({ width: 60, height: 90 });
    }
  });

  test('may be shrunk while loading only in fast mode', async () => {
    const target = path.join(ODD, 'reduce-8.jpg');
    const exact = await loadImage(target, OPTIONS);
    const fast = await loadImage(target, { ...OPTIONS, decode: 'fast' });
    expect(fast).toMatchObject({ width: 2100, height: 2080 });
    expect(meanDifference(exact.pixels, fast.pixels)).toBeGreaterThan(0);
    expect(meanDifference(exact.pixels, fast.pixels)).toBeLessThan(8);
  });

  test('may have any name, also one that is not text', async () => {
    const name = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0x0a, 0x22])]);
    fs.copyFileSync(path.join(ODD, 'grey.jpg'), name);
    expect(await loadImage(name, OPTIONS)).toMatchObject({ width: 90, height: 60 });
  });

  test('may be a pixel wide and very long', async () => {
    const { pixels } = await loadImage(file('line.png', png(1, 20_000)), OPTIONS);
    expect(pixels).toHaveLength(56 * 56 * 3);
  });

  test('does not keep others waiting: fifty at once succeed', async () => {
    const images = await Promise.all(Array.from({ length: 50 }, () => loadImage(path.join(ODD, 'grey.jpg'), OPTIONS)));
    expect(images.every(({ pixels }) => Buffer.compare(pixels, images[0]?.pixels ?? Buffer.alloc(0)) === 0)).toBe(true);
  });
});

describe('damaged data fails with DECODE_FAILED and one clean sentence', () => {
  test.each([
    ['truncated.jpg', 'JPEG'],
    ['truncated-tail.jpg', 'JPEG'],
    ['no-end-marker.jpg', 'JPEG'],
    ['truncated.png', 'PNG'],
    ['truncated.webp', 'WebP'],
    ['truncated.gif', 'GIF'],
    ['truncated.tiff', 'TIFF'],
    ['truncated.avif', 'AVIF'],
  ])('%s', async (name, format) => {
    const { code, message } = await failure(path.join(ODD, name));
    expect(code).toBe('DECODE_FAILED');
    expect(message).toBe(`Expected a whole ${format} but its data is damaged or cut off.`);
  });

  test.each(['profile.jpg', 'alpha.png', 'photo.webp', 'animated.gif', 'photo.tiff', 'photo.avif'])(
    '%s cut anywhere or with bytes changed never does more than fail',
    async (name) => {
      const whole = fs.readFileSync(path.join(ODD, name));
      for (let i = 1; i <= 20; i += 1) {
        const cut = whole.subarray(0, Math.floor((whole.length * i) / 21));
        const changed = Buffer.from(whole);
        changed.fill((i * 37) % 256, cut.length, cut.length + 16);
        for (const bytes of [cut, changed]) {
          const target = file(`damaged-${name}`, bytes);
          const outcome: unknown = await loadImage(target, OPTIONS).catch((reason: unknown) => reason);
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ImageError);
          else expect(outcome).toHaveProperty('pixels.length', 56 * 56 * 3);
        }
      }
    },
  );

  test('a TIFF whose last strip is cut off or damaged below the crop', async () => {
    const tall = await tallTiff();
    await expect(loadImage(file('tall.tif', tall.whole), OPTIONS)).resolves.toBeDefined();
    for (const bytes of [tall.cut, tall.damaged]) {
      expect((await failure(file('tall-damaged.tif', bytes))).code).toBe('DECODE_FAILED');
    }
  });

  test('an empty file', async () => {
    const { code, message } = await failure(file('empty.jpg', ''));
    expect(code).toBe('DECODE_FAILED');
    expect(message).toContain('empty (0 bytes)');
  });
});

describe('what is no photo fails with UNSUPPORTED_FORMAT, naming what it is', () => {
  test.each([
    ['<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>', 'SVG'],
    ['<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', 'SVG'],
    ['%PDF-1.4\n', 'PDF'],
    ['P6 1 1 255 abc', 'PPM'],
    ['hello, this is a note', 'text'],
    ['<!DOCTYPE html><title>404</title>', 'HTML'],
    [Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), 'HEIC'],
    [Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp41', 'latin1'), 'a video'],
    [Buffer.from('PK\x03\x04', 'latin1'), 'a ZIP archive'],
    [Buffer.from([0, 1, 2, 3]), 'data of an unknown kind'],
  ])('%# %s', async (content, kind) => {
    const { code, message } = await failure(file('photo.jpg', content));
    expect(code).toBe('UNSUPPORTED_FORMAT');
    expect(message).toBe(`Expected JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP but received ${kind}.`);
  });
});

describe('a file that cannot be read', () => {
  test.each<[string, () => string, ImageErrorCode]>([
    ['missing', () => `${folder}/missing.jpg`, 'NOT_FOUND'],
    ['below a file', () => `${file('plain', 'x')}/a.jpg`, 'NOT_FOUND'],
    ['with NUL in its name', () => `${folder}/a\0.jpg`, 'NOT_FOUND'],
    ['with an endless name', () => `${folder}/${'x'.repeat(5000)}`, 'NOT_FOUND'],
    ['a folder', () => folder, 'UNREADABLE'],
    ['a pipe', () => pipe('pipe.jpg'), 'UNREADABLE'],
    ['a device', () => '/dev/zero', 'UNREADABLE'],
    ['a loop of links', () => loop('loop.jpg'), 'UNREADABLE'],
  ])('%s', async (_name, target, code) => {
    const error = await failure(target());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^Expected .*\.$/);
    expect(error.message).not.toContain(folder);
  });

  test('without permission', async () => {
    const target = file('locked.jpg', 'x');
    fs.chmodSync(target, 0);
    fs.chmodSync(folder, 0o755);
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    const error = await failure(target).finally(() => root && process.seteuid?.(0));
    expect(error).toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining('permission is denied') });
  });
});

describe('an image that is too large fails with TOO_LARGE before it is decoded', () => {
  test('by its number of pixels', async () => {
    const { code, message } = await failure(path.join(ODD, 'reduce-8.jpg'), { maxPixels: 4_367_999 });
    expect(code).toBe('TOO_LARGE');
    expect(message).toBe('Expected at most 4367999 pixels but the image has 2100x2080 = 4368000.');
    await expect(
      loadImage(path.join(ODD, 'reduce-8.jpg'), { ...OPTIONS, maxPixels: 4_368_000 }),
    ).resolves.toBeDefined();
  });

  test('a decompression bomb: 2.7 gigabytes of pixels in a small PNG', async () => {
    const bomb = png(30_000, 30_000, 1000);
    expect(bomb.length).toBeLessThan(200_000);
    const before = process.memoryUsage().rss;
    expect((await failure(file('bomb.png', bomb))).code).toBe('TOO_LARGE');
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  test('by the size of the file', async () => {
    const target = file('huge.jpg', '');
    fs.truncateSync(target, 1024 ** 3 + 1);
    expect((await failure(target)).code).toBe('TOO_LARGE');
  });
});

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
}

function pipe(name: string): string {
  const target = path.join(folder, name);
  execFileSync('mkfifo', [target]);
  return target;
}

function loop(name: string): string {
  const target = path.join(folder, name);
  fs.symlinkSync(name, target);
  return target;
}

/** Five times as tall as wide, in strips of LZW, of which the last is far below the crop; its directory is at the end. */
async function tallTiff(): Promise<{ whole: Buffer; cut: Buffer; damaged: Buffer }> {
  const image = sharp({ create: { width: 60, height: 300, channels: 3, background: 'teal' } });
  const whole = await image.tiff({ compression: 'lzw', predictor: 'none' }).toBuffer();
  const { grid } = readLayout(whole);
  const last = grid.offsets.length - 1;
  expect(last).toBeGreaterThan(0);
  const start = grid.offsets[last] as number;
  const damaged = Buffer.from(whole);
  damaged.fill(0xaa, start, start + (grid.counts[last] as number));
  const cut = Buffer.from(whole);
  cut.writeUInt32LE(whole.length, whole.indexOf(uint32(start)));
  return { whole, cut, damaged };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A black RGB PNG of this size; with `rows`, only so many rows of it are in the file. */
function png(width: number, height: number, rows = height): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const frame = Buffer.alloc(body.length + 8);
    frame.writeUInt32BE(data.length, 0);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc32(body), body.length + 4);
    return frame;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc((width * 3 + 1) * rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

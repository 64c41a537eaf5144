import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImageError } from '../../../src/errors.js';
import { describeImage } from '../../../src/images/facts/describe.js';
import { timeTaken } from '../../../src/images/facts/exif.js';
import { type LoadOptions, loadImage, loadWithDetails } from '../../../src/images/load.js';

const ODD = fileURLToPath(new URL('../../../fixtures/images-odd/', import.meta.url));
const OPTIONS: LoadOptions = { resize: 64, crop: 56, autoOrient: true, decode: 'exact', maxPixels: 100_000_000 };
const DATE = '2019:05:04 13:45:00';

interface Exif {
  readonly IFD0?: Record<string, string>;
  /** The directory for photos. */
  readonly IFD2?: Record<string, string>;
}

async function photo(exif: Exif, format: 'jpeg' | 'png' | 'webp' | 'avif' = 'jpeg'): Promise<Buffer> {
  const image = sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } });
  return image.withExif(exif).toFormat(format).toBuffer();
}

const taken = async (exif: Exif) => (await describeImage(await photo(exif))).taken;

describe('the time when a photo was taken', () => {
  test.each(['jpeg', 'png', 'webp', 'avif'] as const)('is read from %s', async (format) => {
    const exif = { IFD2: { DateTimeOriginal: DATE, OffsetTimeOriginal: '+02:00' } };
    expect(await describeImage(await photo(exif, format))).toMatchObject({
      format,
      taken: '2019-05-04T13:45:00+02:00',
    });
  });

  test('is read from TIFF', async () => {
    const tiff = exifData({ order: 'MM', time: DATE });
    expect(await describeImage(tiff)).toMatchObject({ format: 'tiff', taken: '2019-05-04T13:45:00' });
  });

  test('is that of the shutter, else of the scan, else of the last change', async () => {
    const all = { DateTimeOriginal: DATE, DateTimeDigitized: '2020:01:01 00:00:00' };
    const changed = { IFD0: { DateTime: '2021:12:31 23:59:59' } };
    expect(await taken({ ...changed, IFD2: all })).toBe('2019-05-04T13:45:00');
    expect(await taken({ ...changed, IFD2: { DateTimeDigitized: '2020:01:01 00:00:00' } })).toBe('2020-01-01T00:00:00');
    expect(await taken(changed)).toBe('2021-12-31T23:59:59');
    expect(await taken({ ...changed, IFD2: { DateTimeOriginal: '0000:00:00 00:00:00' } })).toBe('2021-12-31T23:59:59');
  });

  test.each([
    ['-11:30', '2019-05-04T13:45:00-11:30'],
    ['Z', '2019-05-04T13:45:00Z'],
    ['+99:00', '2019-05-04T13:45:00'],
    ['   :  ', '2019-05-04T13:45:00'],
  ])('has its own offset from UTC where that makes sense: %s', async (offset, expected) => {
    const IFD2 = { DateTimeOriginal: DATE, OffsetTimeOriginal: offset, OffsetTimeDigitized: '+05:00' };
    expect(await taken({ IFD2 })).toBe(expected);
  });

  test.each([
    '0000:00:00 00:00:00',
    '    :  :     :  :  ',
    '2019:02:29 10:00:00',
    '2019:13:01 10:00:00',
    '2019:05:04 24:00:00',
    '2019:05:04 10:60:00',
    '0000:01:01 00:00:00',
    '2019:05:04',
    'yesterday',
  ])('is null for %j', async (nonsense) => {
    expect(await taken({ IFD2: { DateTimeOriginal: nonsense } })).toBeNull();
  });

  test('is null without EXIF', async () => {
    const image = fs.readFileSync(path.join(ODD, 'grey.jpg'));
    expect((await describeImage(image)).taken).toBeNull();
  });
});

describe('EXIF data', () => {
  test('may be in either order of bytes, with or without its prefix', () => {
    for (const order of ['II', 'MM'] as const) {
      const data = exifData({ order, time: DATE });
      expect(timeTaken(data)).toBe('2019-05-04T13:45:00');
      expect(timeTaken(Buffer.concat([Buffer.from('Exif\0\0'), data]))).toBe('2019-05-04T13:45:00');
    }
  });

  test('cut anywhere, or with any byte changed, gives a time or none', async () => {
    const whole = (await sharp(await photo({ IFD0: { DateTime: DATE }, IFD2: { DateTimeOriginal: DATE } })).metadata())
      .exif as Buffer;
    for (let at = 0; at < whole.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(whole);
        changed[at] = value;
        for (const data of [changed, changed.subarray(0, at)]) {
          expect(timeTaken(data) ?? '2019-05-04T13:45:00').toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
        }
      }
    }
  });

  test('that leads to itself or claims to be endless is gone through once', () => {
    const data = exifData({ order: 'II', time: DATE, entries: 0xffff });
    const huge = Buffer.concat([data, Buffer.alloc(60_000_000, 0xff)]);
    const start = performance.now();
    timeTaken(huge);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('details', () => {
  let folder: string;

  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vgg16-describe-'));
  });

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  function file(name: string, content: Buffer | string): string {
    const target = path.join(folder, name);
    fs.writeFileSync(target, content);
    return target;
  }

  test.each(['grey.jpg', 'alpha.png', 'photo.webp', 'animated.gif', 'photo.tiff', 'photo.avif'])(
    'of %s are its size, its sha256 and its format',
    async (name) => {
      const bytes = fs.readFileSync(path.join(ODD, name));
      expect((await loadImage(path.join(ODD, name), { ...OPTIONS, describe: true })).details).toEqual({
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        format: { '.jpg': 'jpeg', '.tiff': 'tiff' }[path.extname(name)] ?? path.extname(name).slice(1),
        taken: null,
      });
    },
  );

  test('are given when asked for, beside the image', async () => {
    const target = path.join(ODD, 'grey.jpg');
    expect(await loadImage(target, OPTIONS)).not.toHaveProperty('details');
    expect(await loadWithDetails(target, OPTIONS)).toMatchObject({ details: null, image: { width: 90 } });
    const { details, image } = await loadWithDetails(target, { ...OPTIONS, describe: true });
    expect(details?.format).toBe('jpeg');
    expect(image?.details).toEqual(details);
  });

  test.each([
    ['cut off', () => path.join(ODD, 'truncated.jpg'), 'DECODE_FAILED', 'jpeg'],
    ['too large', () => path.join(ODD, 'reduce-8.jpg'), 'TOO_LARGE', 'jpeg'],
    ['of another kind', () => file('text.jpg', 'hello'), 'UNSUPPORTED_FORMAT', null],
  ])('of an image that is %s are there beside its error', async (_name, target, code, format) => {
    const bytes = fs.readFileSync(target());
    const { details, error } = await loadWithDetails(target(), { ...OPTIONS, describe: true, maxPixels: 1e6 });
    expect(error).toBeInstanceOf(ImageError);
    expect(error?.code).toBe(code);
    expect(details).toEqual({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      format,
      taken: null,
    });
  });

  test('of what cannot be read are null', async () => {
    for (const target of [path.join(folder, 'none.jpg'), file('empty.jpg', ''), folder]) {
      const { details, error } = await loadWithDetails(target, { ...OPTIONS, describe: true });
      expect(details).toBeNull();
      expect(error).toBeInstanceOf(ImageError);
    }
  });

  test('of files and of failed entries of archives', async () => {
    const failure = new ImageError('DECODE_FAILED', 'Expected a whole archive.');
    const bytes = fs.readFileSync(path.join(ODD, 'grey.jpg'));
    const archive = { file: Buffer.from('x.tar') };
    const member = (content: Buffer | ImageError) => ({ ...archive, member: { content, size: 9, archiveMtimeNs: 0n } });
    const options = { ...OPTIONS, describe: true };
    expect(await loadWithDetails(member(bytes), options)).toMatchObject({ details: { bytes: bytes.length } });
    expect(await loadWithDetails(member(failure), options)).toEqual({ details: null, error: failure });
    expect(await loadWithDetails({ ...archive, failure }, options)).toEqual({ details: null, error: failure });
  });
});

/** A TIFF structure with `DateTime` alone; `entries` is the number that it claims to have. */
function exifData({ order, time, entries = 1 }: { order: 'II' | 'MM'; time: string; entries?: number }): Buffer {
  const data = Buffer.alloc(26 + time.length + 1);
  const little = order === 'II';
  const write16 = (value: number, at: number) =>
    little ? data.writeUInt16LE(value, at) : data.writeUInt16BE(value, at);
  const write32 = (value: number, at: number) =>
    little ? data.writeUInt32LE(value, at) : data.writeUInt32BE(value, at);
  data.write(order);
  write16(42, 2);
  write32(8, 4);
  write16(entries, 8);
  write16(0x0132, 10);
  write16(2, 12);
  write32(time.length + 1, 14);
  write32(26, 18);
  data.write(time, 26);
  return data;
}

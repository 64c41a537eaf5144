import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { type LoadOptions, loadImage } from '../../../../src/images/load.js';
import { decodeImage } from '../../../../src/images/pixels/decode.js';
import { cropOffset } from '../../../../src/images/pixels/rgb/geometry.js';
import { sniff } from '../../../../src/images/sniff/sniff.js';

/** BMP files of all kinds and what Pillow makes of them: fixtures/expected/make_bmp.py. */
const EXPECTED = new URL('../../../../fixtures/expected/bmp.json', import.meta.url);
const OPTIONS: LoadOptions = { resize: 8, crop: 8, autoOrient: true, decode: 'exact', maxPixels: 1000 };

interface Picture {
  readonly file: string;
  readonly size: readonly [number, number] | null;
  readonly pixels: string | null;
}

const pictures = JSON.parse(fs.readFileSync(EXPECTED, 'utf8')) as Record<string, Picture>;

/** Those that are refused, some of which Pillow reads: what comes after "but received one with". */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  '1-bit': '1-bit pixels',
  '4-bits': '4-bit pixels',
  '16-bits': '16-bit pixels',
  '16-bits-565': '16-bit pixels',
  '24-masked': 'masks of 24 bits',
  rle8: 'RLE compression',
  rle4: 'RLE compression',
  'jpeg-inside': 'a JPEG inside',
  'png-inside': 'a PNG inside',
  'alpha-masked': 'compression 6',
  os2: 'a header of 12 bytes',
  'os2-version-2': 'a header of 64 bytes',
  gap: 'a gap before its pixels',
  '32-version-4-without-masks': 'the masks 0, 0, 0, 0',
  '32-no-masks': 'the masks 0, 0, 0, 0',
  '32-ten-bits': 'the masks 3ff00000, ffc00, 3ff, 0',
  '8-two-colours': 'a palette of 2 colours',
  '8-too-many-colours': 'a palette of 512 colours',
  '8-outside-palette': 'colours that are not in its palette',
  'no-width': '0x8 pixels',
};
const CUT_OFF = ['cut', 'cut-8', 'cut-header', 'cut-masks'];

const read = Object.entries(pictures).filter(([name]) => !(name in UNSUPPORTED) && !CUT_OFF.includes(name));

const bytesOf = (name: string) => Buffer.from(pictures[name]?.file as string, 'base64');

async function failure(bytes: Buffer, options = OPTIONS): Promise<ImageError> {
  const source = { file: Buffer.from('x.bmp'), member: { content: bytes, size: bytes.length, archiveMtimeNs: 0n } };
  const error: unknown = await loadImage(source, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ImageError);
  return error as ImageError;
}

describe('a BMP is what Pillow makes of it', () => {
  test.each(read)('%s', async (name, { size, pixels }) => {
    const [width, height] = size as [number, number];
    const side = Math.min(width, height);
    const expected = Buffer.from(pixels as string, 'base64');
    for (const decode of ['exact', 'fast'] as const) {
      const image = await decodeImage(bytesOf(name), 'bmp', { ...OPTIONS, decode, resize: side, crop: side });
      expect([image.width, image.height]).toEqual(size);
      // The crop is as wide as the picture and leaves out half the rest of its rows above.
      const start = cropOffset(height, side) * width * 3;
      expect(Buffer.from(image.pixels).equals(expected.subarray(start, start + side * side * 3))).toBe(true);
    }
  });
});

describe('a BMP that is not read says why', () => {
  test.each(Object.entries(UNSUPPORTED))('%s: %s', async (name, what) => {
    expect(await failure(bytesOf(name))).toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
      message: `Expected a BMP of 8, 24 or 32 bits without compression but received one with ${what}.`,
    });
  });

  test.each(CUT_OFF)('%s', async (name) => {
    expect(pictures[name]?.pixels).toBeNull();
    expect(await failure(bytesOf(name))).toMatchObject({
      code: 'DECODE_FAILED',
      message: 'Expected a whole BMP but its data is damaged or cut off.',
    });
  });

  test('too large, whatever it claims, before memory is asked for', async () => {
    for (const [at, value] of [
      [18, 0x7fff_ffff],
      [22, 0x00ff_ffff],
      [22, 0x8000_0000],
    ] as const) {
      const bytes = bytesOf('24');
      bytes.writeUInt32LE(value, at);
      expect((await failure(bytes)).code).toBe('TOO_LARGE');
    }
  });

  test('cut anywhere or with any byte of its header changed, it does no more than fail', async () => {
    for (const name of ['8-colours', '32-bgra-124', '24']) {
      const whole = bytesOf(name);
      for (let at = 0; at < Math.min(whole.length, 160); at += 1) {
        for (const value of [0, 1, 0x7f, 0xff]) {
          const changed = Buffer.from(whole);
          changed[at] = value;
          for (const bytes of [changed, changed.subarray(0, at)]) {
            if (!('format' in sniff(bytes))) continue;
            const outcome: unknown = await decodeImage(bytes, 'bmp', OPTIONS).catch((reason: unknown) => reason);
            if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ImageError);
            else expect(outcome).toHaveProperty('pixels.length', 8 * 8 * 3);
          }
        }
      }
    }
  });
});

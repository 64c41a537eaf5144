/** Files of few bytes and odd kinds; expected pixels by fixtures/stills/make_stills.py, most of them Pillow's. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ImageError } from '../../../src/errors.js';
import { type LoadOptions, type LoadOutcome, loadWithDetails } from '../../../src/images/load.js';

const FOLDER = new URL('../../../fixtures/stills/', import.meta.url);

interface Expected {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
  readonly fewestBytes: number;
}

const EXPECTED: Readonly<Record<string, Expected | null>> = JSON.parse(read('expected.json').toString());
const WHOLE = Object.entries(EXPECTED).filter((entry): entry is [string, Expected] => entry[1] !== null);
const REFUSED = Object.keys(EXPECTED).filter((name) => EXPECTED[name] === null);

/** The first crop leaves rows out at the bottom, the second needs all. */
const SETTINGS: readonly LoadOptions[] = [
  { resize: 32, crop: 16 },
  { resize: 16, crop: 16 },
].flatMap((size) =>
  (['exact', 'fast'] as const).map((decode) => ({ ...size, decode, autoOrient: true, maxPixels: 1e6 })),
);

function read(name: string): Buffer {
  return fs.readFileSync(new URL(name, FOLDER));
}

function load(content: Buffer, options: LoadOptions): Promise<LoadOutcome> {
  const member = { content, size: content.length, archiveMtimeNs: 0n };
  return loadWithDetails({ file: Buffer.from('x'), member }, options);
}

/** What became of it with each of the settings, without repetitions. */
async function verdicts(content: Buffer): Promise<string[]> {
  const outcomes = await Promise.all(SETTINGS.map((options) => load(content, options)));
  return [...new Set(outcomes.map(({ error }) => error?.code ?? 'ok'))];
}

async function failure(content: Buffer): Promise<ImageError | undefined> {
  return (await load(content, SETTINGS[0] as LoadOptions)).error;
}

/** The marker `from` of a JPEG, where it first comes, exchanged. */
function withMarker(name: string, from: number, to: number): Buffer {
  const bytes = read(name);
  bytes[bytes.indexOf(Buffer.from([0xff, from])) + 1] = to;
  return bytes;
}

describe('a whole file', () => {
  // Chroma upsampling of an AVIF is the decoder's choice.
  test.each(WHOLE.filter(([name]) => !name.endsWith('.avif')))('%s has the expected pixels', async (name, expected) => {
    const side = Math.min(expected.width, expected.height);
    const { image, error } = await load(read(name), { ...(SETTINGS[0] as LoadOptions), resize: side, crop: side });
    expect(error).toBeUndefined();
    expect(image).toMatchObject({ width: expected.width, height: expected.height });
    expect(
      createHash('sha256')
        .update(image?.pixels ?? '')
        .digest('hex'),
    ).toBe(expected.sha256);
  });

  test.each(WHOLE)('%s is one whatever the crop and the mode of decoding', async (name) => {
    expect(await verdicts(read(name))).toEqual(['ok']);
  });

  test('of frames shows the first of an AVIF', async () => {
    const { image } = await load(read('frames.avif'), SETTINGS[0] as LoadOptions);
    const colour = [200, 30, 90];
    const differences = Array.from(image?.pixels ?? [255], (value, i) => Math.abs(value - (colour[i % 3] as number)));
    expect(Math.max(...differences)).toBeLessThan(4);
  });

  test.each(WHOLE.filter(([name]) => /lossless|png$|gif$|alpha/.test(name)))(
    '%s has the same pixels in fast mode, for no decoder reduces it',
    async (name) => {
      const pixels = async (decode: 'exact' | 'fast') =>
        (await load(read(name), { ...(SETTINGS[1] as LoadOptions), decode })).image?.pixels;
      expect(await pixels('fast')).toEqual(await pixels('exact'));
    },
  );
});

describe('a file that was cut off', () => {
  // Pillow takes a PNG that ends between the chunks behind its pixels.
  test.each(WHOLE.filter(([name]) => !name.startsWith('text')))(
    '%s is refused whatever the crop',
    async (name, { fewestBytes }) => {
      const bytes = read(name);
      // Behind the signature, for before there is nothing to recognise.
      const cuts = [0.1, 0.4, 0.6, 0.75, 0.9, 0.97].map((share) => 40 + Math.floor((fewestBytes - 41) * share));
      for (const length of [...cuts, fewestBytes - 20, fewestBytes - 3, fewestBytes - 2, fewestBytes - 1]) {
        expect(await verdicts(bytes.subarray(0, length)), `${length} of ${bytes.length} bytes`).toEqual([
          'DECODE_FAILED',
        ]);
      }
    },
  );

  test('gives an error that says so', async () => {
    expect((await failure(read('tall.jpg').subarray(0, -40)))?.message).toBe(
      'Expected a whole JPEG but its data is damaged or cut off.',
    );
  });

  test('may lack what Pillow does not need: the end of a GIF and of a PNG', async () => {
    expect(await verdicts(read('full.gif').subarray(0, -1))).toEqual(['ok']);
    expect(await verdicts(read('grey-8.png').subarray(0, -12))).toEqual(['ok']);
  });

  test('may go on behind the end of a JPEG, but a scan without an end is none', async () => {
    const bytes = read('tall.jpg');
    expect(await verdicts(Buffer.concat([bytes, Buffer.alloc(99)]))).toEqual(['ok']);
    expect(await verdicts(Buffer.concat([bytes.subarray(0, -40), Buffer.alloc(99)]))).toEqual(['DECODE_FAILED']);
  });
});

describe('damage below the crop', () => {
  test.each(REFUSED.filter((name) => !name.endsWith('.jpg')))('%s is refused whatever the crop', async (name) => {
    expect(await verdicts(read(name))).toEqual(['DECODE_FAILED']);
  });

  test.each([
    ['a second start', [0xff, 0xd8]],
    ['a second scan', [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]],
    ['a marker that there is not', [0xff, 0x02]],
  ])('%s in the scan of a JPEG', async (_what, marker) => {
    const bytes = read('tall.jpg');
    Buffer.from(marker).copy(bytes, bytes.length - 60);
    expect(await verdicts(bytes)).toEqual(['DECODE_FAILED']);
  });
});

describe('a kind of JPEG that is not decoded', () => {
  test.each([
    ['12-bits.jpg', 'a JPEG of 12 bits'],
    ['12-bits-lossless.jpg', 'a JPEG of 12 bits'],
    ['2-components.jpg', 'a JPEG of 2 components'],
    ['ls.jpg', 'JPEG-LS'],
  ])('%s has a name', async (name, kind) => {
    expect(await verdicts(read(name))).toEqual(['UNSUPPORTED_FORMAT']);
    expect((await failure(read(name)))?.message).toBe(
      `Expected a JPEG of 8 bits with 1, 3 or 4 components but received ${kind}.`,
    );
  });

  test.each([
    [0xc5, 'a hierarchical JPEG'],
    [0xcd, 'a hierarchical JPEG'],
    [0xde, 'a hierarchical JPEG'],
    [0xcb, 'a lossless JPEG in arithmetic code'],
  ])('with a frame of the marker %i is %s', async (marker, kind) => {
    const error = await failure(withMarker('tall.jpg', 0xc0, marker));
    expect(error).toMatchObject({ code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining(`received ${kind}.`) });
  });

  test('but a frame that is damaged is not taken for a kind', async () => {
    const bytes = read('tall.jpg');
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    bytes.writeUInt16BE(bytes.readUInt16BE(frame + 2) + 1, frame + 2);
    bytes[frame + 4] = 12;
    expect((await failure(bytes))?.code).toBe('DECODE_FAILED');
  });
});

test('an AVIF of frames alone has no still picture to show', async () => {
  const bytes = read('frames.avif');
  bytes.write('free', bytes.indexOf('meta'), 'latin1');
  expect(await failure(bytes)).toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: 'Expected an AVIF with a still picture but received frames alone.',
  });
});

test('a file called an AVIF by another brand is read as one', async () => {
  const bytes = fs.readFileSync(new URL('../images-odd/photo.avif', FOLDER));
  bytes.write('MA1B', 8, 'latin1');
  expect(await verdicts(bytes)).toEqual(['ok']);
});

describe('a PNG with a chunk that libpng would pass over', () => {
  /** `chunk` comes before the one of the kind `next`. */
  const insert = (bytes: Buffer, chunk: Buffer, next: string) => {
    const at = bytes.indexOf(next) - 4;
    return Buffer.concat([bytes.subarray(0, at), chunk, bytes.subarray(at)]);
  };

  test('is refused for a transparency of more colours than there are', async () => {
    const withOpacities = (count: number) => insert(read('palette-4.png'), pngChunk('tRNS', count), 'IDAT');
    expect(await verdicts(withOpacities(16))).toEqual(['ok']);
    expect(await verdicts(withOpacities(17))).toEqual(['DECODE_FAILED']);
  });

  test('is refused for a transparency that comes too late, or twice', async () => {
    expect(await verdicts(insert(read('palette-4.png'), pngChunk('tRNS', 9), 'IEND'))).toEqual(['DECODE_FAILED']);
    expect(await verdicts(insert(read('palette-4.png'), pngChunk('tRNS', 9), 'PLTE'))).toEqual(['DECODE_FAILED']);
    const twice = insert(read('palette-4-transparent.png'), pngChunk('tRNS', 9), 'IDAT');
    expect(await verdicts(twice)).toEqual(['DECODE_FAILED']);
  });

  test('is refused for pixels of a second frame that does not begin', async () => {
    const animated = insert(read('grey-8.png'), pngChunk('acTL', 8), 'IDAT');
    expect(await verdicts(animated)).toEqual(['ok']);
    expect(await verdicts(insert(animated, pngChunk('fdAT', 30), 'IEND'))).toEqual(['DECODE_FAILED']);
  });
});

/** A chunk of so many bytes that are all the same, and its checksum. */
function pngChunk(kind: string, length: number): Buffer {
  const chunk = Buffer.alloc(12 + length, 128);
  chunk.writeUInt32BE(length, 0);
  chunk.write(kind, 4, 'latin1');
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + length)), 8 + length);
  return chunk;
}

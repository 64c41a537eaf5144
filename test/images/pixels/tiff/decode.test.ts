import { describe, expect, test } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { decodeTiff } from '../../../../src/images/pixels/tiff/decode.js';
import { readLayout, type TiffLayout } from '../../../../src/images/pixels/tiff/layout.js';
import { decode, kindOf, readable, refused } from './kinds.js';

describe('the pixels are Pillow’s', () => {
  test.each(readable)('$name', async ({ file, picture }) => {
    const { width, height, pixels } = await decode(file);
    expect([width, height]).toEqual([picture.width, picture.height]);
    expect(Buffer.from(pixels).toString('hex')).toBe(Buffer.from(picture.pixels).toString('hex'));
  });

  test.each(readable)('$name: a part is that part of the whole', async ({ file }) => {
    const layout = readLayout(file);
    const whole = await decodeTiff(file, layout, { left: 0, top: 0, width: layout.width, height: layout.height });
    const part = await decodeTiff(file, layout, { left: 3, top: 2, width: 7, height: 5 });
    const rows = Array.from({ length: 5 }, (_, y) => {
      const from = ((y + 2) * layout.width + 3) * 3;
      return Buffer.from(whole.subarray(from, from + 7 * 3));
    });
    expect(Buffer.from(part).equals(Buffer.concat(rows))).toBe(true);
  });
});

/** Bytes at the end of a group 4 fax that hold no pixels (`EOFB` of ITU-T T.6), and a part of a byte. */
const END_OF_FAX = 4;

test.each(refused)('$name is refused by name', async ({ file, refused: words }) => {
  const error: unknown = await decode(file).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ImageError);
  expect(error).toMatchObject({ code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining(words) });
  expect((error as ImageError).message).toMatch(/^Expected a TIFF with .* but received .*\.$/);
});

describe('damage is an error, whatever part is wanted', () => {
  // Pillow writes the directory behind the pixels; the other files end with them.
  const endingInPixels = readable.filter(({ file }) => readEnd(readLayout(file)) === file.length);
  const corner = { left: 0, top: 0, width: 1, height: 1 };

  test('almost all files end with their pixels', () => {
    expect(endingInPixels.length).toBeGreaterThan(90);
  });

  test.each(endingInPixels)('$name without its last byte', async ({ file }) => {
    const cut = file.subarray(0, -1);
    await expect(decodeTiff(cut, readLayout(cut), corner)).rejects.toThrow('lies beyond the end of the file');
  });

  test.each([
    'rgb8, strips, lzw',
    'rgb8, BigTIFF',
    'rgb8, planes',
    'ycbcr as jpeg, a tile',
    'ycbcr 2x2, a tile, deflate',
  ])('%s cut off anywhere', async (name) => {
    const { file } = kindOf(name);
    for (let length = 8; length < file.length; length += 7) {
      await expect(decode(file.subarray(0, length)), `${length} bytes`).rejects.toThrow(Error);
    }
  });

  test.each(['grey8, a tile, big-endian, deflate, differences', 'rgb8, strips, lzw', 'grey16, a tile, packbits'])(
    '%s with a segment that cannot be decoded',
    async (name) => {
      const file = Buffer.from(kindOf(name).file);
      const layout = readLayout(file);
      const last = layout.grid.offsets.length - 1;
      const start = layout.grid.offsets[last] as number;
      file.fill(0x80, start, start + (layout.grid.counts[last] as number));
      await expect(decodeTiff(file, layout, corner)).rejects.toThrow(/tiff2vips/);
    },
  );

  const faxes = readable.filter(({ name }) => name.startsWith('bilevel as '));

  test('there are faxes of all kinds', () => {
    expect(faxes).toHaveLength(6);
  });

  test.each(faxes)('$name that ends too soon', async ({ file }) => {
    const layout = readLayout(file);
    const [count = 0] = layout.grid.counts;
    for (let shorter = 1; shorter < count - END_OF_FAX; shorter += 1) {
      const cut: TiffLayout = { ...layout, grid: { ...layout.grid, counts: [shorter] } };
      await expect(decodeTiff(file, cut, corner), `${shorter} bytes`).rejects.toThrow();
    }
  });

  test.each(faxes)('$name with lines that are longer than the picture is wide', async ({ file }) => {
    const layout = readLayout(file);
    const grid = { ...layout.grid, width: layout.width - 1 };
    await expect(decodeTiff(file, { ...layout, width: layout.width - 1, grid }, corner)).rejects.toThrow();
  });

  test.each(faxes)('$name of which the second half is zeros', async ({ file }) => {
    const layout = readLayout(file);
    const [start = 0] = layout.grid.offsets;
    const [count = 0] = layout.grid.counts;
    const damaged = Buffer.from(file).fill(0, start + (count >> 1), start + count);
    await expect(decodeTiff(damaged, layout, corner)).rejects.toThrow();
  });

  test('a tile of JPEG that ends too soon', async () => {
    const { file } = kindOf('ycbcr as jpeg, a tile');
    const layout = readLayout(file);
    const [count = 0] = layout.grid.counts;
    const shorter: TiffLayout = { ...layout, grid: { ...layout.grid, counts: [count - 20] } };
    await expect(decodeTiff(file, layout, corner)).resolves.toHaveLength(3);
    await expect(decodeTiff(file, shorter, corner)).rejects.toThrow();
  });

  test('a tile of JPEG that has fewer rows than the tile', async () => {
    const file = Buffer.from(kindOf('ycbcr as jpeg, a tile').file);
    const frame = file.indexOf(Buffer.from([0xff, 0xc0, 0x00, 0x11]));
    file.writeUInt16BE(8, frame + 5);
    await expect(decodeTiff(file, readLayout(file), corner)).rejects.toThrow('smaller than it should be');
  });

  test.each([
    ['no place', { offsets: [0, 0, 0] }],
    ['no length', { counts: [0, 0, 0] }],
  ])('strips of %s', async (_name, grid) => {
    const { file } = kindOf('rgb8, strips, lzw');
    const layout = readLayout(file);
    const missing = { ...layout, grid: { ...layout.grid, ...grid } };
    await expect(decodeTiff(file, missing, corner)).rejects.toThrow('is missing or lies beyond');
  });
});

test('strips that share their bytes are decoded from one copy', async () => {
  const { file } = kindOf('rgb8, strips, lzw');
  const layout = readLayout(file);
  const [first = 0, ...others] = layout.grid.offsets;
  // Every strip but the last one is the first one, and each says that it goes on to the end of the file.
  const offsets = [first, ...others.slice(0, -1).map(() => first), others.at(-1) as number];
  const shared: TiffLayout = {
    ...layout,
    grid: { ...layout.grid, offsets, counts: offsets.map((offset) => file.length - offset) },
  };
  const whole = { left: 0, top: 0, width: layout.width, height: layout.height };
  const pixels = await decodeTiff(file, shared, whole);
  const strip = layout.grid.height * layout.width * 3;
  expect(Buffer.from(pixels.subarray(strip, 2 * strip)).equals(Buffer.from(pixels.subarray(0, strip)))).toBe(true);
});

/** Where the last strip or tile ends. */
function readEnd({ grid, width, height, planes, colours }: TiffLayout): number {
  const last = grid.offsets.length - 1;
  const lastRows = grid.padded ? grid.height : height - (grid.down - 1) * grid.height;
  const samples = planes === 1 ? colours.samples : 1;
  const plain = Math.ceil(((grid.padded ? grid.width : width) * samples * colours.bits) / 8) * lastRows;
  return (grid.offsets[last] as number) + (grid.counts[last] ?? plain);
}

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoadOptions } from '../../../../src/images/load.js';
import { loadImage, loadWithDetails } from '../../../../src/images/load.js';

const OPTIONS: LoadOptions = { resize: 64, crop: 56, autoOrient: true, decode: 'exact', maxPixels: 100_000_000 };
const SIZE = 900 * 1024 * 1024;
const [SHORT, LONG] = [3, 4];

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vgg16-peek-'));
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A grey picture of 900 MB that are all holes, whose directory is at byte `start`. */
function holes(name: string, width: number, height: number, start: number): string {
  const directory = Buffer.alloc(2 + 6 * 12 + 4);
  directory.writeUInt16LE(6, 0);
  [
    [256, LONG, width],
    [257, LONG, height],
    [258, SHORT, 8],
    [262, SHORT, 1],
    [273, LONG, 8],
    [278, LONG, height],
  ].forEach(([tag = 0, type = 0, value = 0], i) => {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(type, 4 + 12 * i);
    directory.writeUInt32LE(1, 6 + 12 * i);
    directory.writeUInt32LE(value, 10 + 12 * i);
  });
  const header = Buffer.alloc(8);
  header.write('II*\0', 0, 'latin1');
  header.writeUInt32LE(start, 4);
  const file = path.join(folder, name);
  fs.writeFileSync(file, header);
  const handle = fs.openSync(file, 'r+');
  fs.writeSync(handle, directory, 0, directory.length, start);
  fs.ftruncateSync(handle, SIZE);
  fs.closeSync(handle);
  return file;
}

test.each([8, SIZE - 200])('a large file of too many pixels is not read whole (directory at %i)', async (start) => {
  const file = holes(`many-${start}.tif`, 30_000, 30_000, start);
  const before = process.memoryUsage().rss;
  const { error } = await loadWithDetails(file, OPTIONS);
  expect(error).toMatchObject({
    code: 'TOO_LARGE',
    message: 'Expected at most 100000000 pixels but the image has 30000x30000 = 900000000.',
  });
  expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
});

test('a large file of few pixels is decoded', async () => {
  expect(await loadImage(holes('few.tif', 300, 200, SIZE - 200), OPTIONS)).toMatchObject({ width: 300, height: 200 });
});

/**
 * Small files that were once read wrongly or refused, by name: the folder `cases` of the real data. Each must give the right
 * value or the right sentence; the kinds that they stand for have tests of their own.
 */

import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeImage } from '../../src/images/facts/describe.js';
import { compareWithPillow, PYTHON } from '../corpus/compare.js';
import { realData } from '../data.js';
import { PHOTOS, temporaryFolder } from './helpers/folder.js';
import { runClassify } from './helpers/host.js';
import { csvRows, jsonRows } from './helpers/rows.js';

const CASES = realData('cases') ?? '';

/** What becomes of each file, in the order of their rows: a size, or the error's code and a word of its sentence. */
const EXPECTED: Readonly<Record<string, readonly [number, number] | readonly [string, string]>> = {
  'cmyk16-tiff/cmyk16.tif': [90, 60],
  'cmyk16-tiff/cmyk8.tif': [90, 60],
  'cut-off-below-the-crop/cut99.jpg': ['DECODE_FAILED', 'cut off'],
  'cut-off-below-the-crop/very-tall-cut65.jpg': ['DECODE_FAILED', 'cut off'],
  'exif-dates/dt_big1_le.tif': [101, 76],
  'exif-dates/sub_ifdtype_le.jpg': [101, 76],
  'gif-small-first-frame/opaque.gif': [120, 100],
  'gif-small-first-frame/transparent.gif': [120, 100],
  'no-auto-orient/avif-exif6.avif': [60, 90],
  'no-auto-orient/tiff-orientation-6.tif': [60, 90],
  'tar-hard-links/hl.tar/hl/b.jpg': [400, 266],
  'tar-hard-links/hl.tar/hl/a.jpg': [400, 266],
  'tar-hard-links/hl.tar/hl/c.jpg': [400, 300],
  'tiff-band-not-alpha/4band-uint16-minisblack.tif': ['UNSUPPORTED_FORMAT', '4 16-bit samples'],
  'tiff-band-not-alpha/base.png': [90, 60],
  'tiff-band-not-alpha/rgbx8-extra0.tif': [90, 60],
  'tiff-odd-tags/tag_ori0_le.tif': [501, 376],
  'tiff-tiles-undecodable/deflate-tiles-cut60.tif': ['DECODE_FAILED', 'cut off'],
  'tiff-tiles-undecodable/lerc-tiles.tif': ['UNSUPPORTED_FORMAT', 'LERC'],
  'tiff-tiles-undecodable/ojpeg-tile.tif': ['UNSUPPORTED_FORMAT', 'old-style JPEG'],
  'whole-called-damaged/avif-seq.avif': [90, 60],
  'whole-called-damaged/grey-float64-0-255.tif': ['UNSUPPORTED_FORMAT', '64-bit floating-point'],
  'whole-called-damaged/ic_jpeg12.jpg': ['UNSUPPORTED_FORMAT', '12 bits'],
  'whole-called-damaged/tiff-comp-zstd.tif': ['UNSUPPORTED_FORMAT', 'Zstandard'],
  'whole-called-damaged/tiff-lab.tif': ['UNSUPPORTED_FORMAT', 'Lab'],
  'ycbcr-tiff/ycbcr.tif': [90, 60],
};

const IMAGES = ['--ext', 'jpg,png,gif,tif,avif,tar', '--relative-to', CASES];

describe.skipIf(CASES === '')('the folder of cases', () => {
  test('each image and archive has the right size or the right sentence', async () => {
    const { code, stdout } = await runClassify([CASES, '--format', 'csv', ...IMAGES]);
    const rows = csvRows(stdout);
    expect(code).toBe(3);
    expect(rows.map(({ path }) => path)).toEqual(Object.keys(EXPECTED));
    for (const { path = '', status, width, height, error = '' } of rows) {
      const [first, second] = EXPECTED[path] ?? [];
      if (typeof first === 'number')
        expect([status, Number(width), Number(height)], path).toEqual(['ok', first, second]);
      else {
        expect(status, path).toBe('error');
        expect(error, path).toMatch(new RegExp(`^${first}: Expected .*${second}`));
      }
    }
  });

  test('a tar’s hard link is the file that it names', async () => {
    const { stdout } = await runClassify([join(CASES, 'tar-hard-links/hl.tar'), '--format', 'jsonl', ...IMAGES]);
    const rows = jsonRows(stdout);
    const topOf = (name: string) => rows.find(({ path }) => path.endsWith(name)).top;
    expect(topOf('hl/a.jpg')).toEqual(topOf('hl/b.jpg'));
    expect(topOf('hl/a.jpg')).not.toEqual(topOf('hl/c.jpg'));
  });

  test('without --auto-orient a TIFF is turned, as Pillow turns it, and an AVIF is not', async () => {
    const folder = join(CASES, 'no-auto-orient');
    const { stdout } = await runClassify([folder, '--no-auto-orient', '--format', 'csv', ...IMAGES]);
    const sizes = csvRows(stdout).map(({ width, height }) => [Number(width), Number(height)]);
    expect(sizes).toEqual([
      [90, 60],
      [60, 90],
    ]);
  });

  test.each(['dt_big1_le.tif', 'sub_ifdtype_le.jpg'])('the date in %s is read', async (name) => {
    const { taken } = await describeImage(readFileSync(join(CASES, 'exif-dates', name)));
    expect(taken).toBe('2021-02-03T04:05:06');
  });

  test('a list in UTF-16 names its photos', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'photos'));
    for (const name of ['cat.jpg', 'dog.jpg']) cpSync(join(PHOTOS, name), join(folder, 'photos', name));
    const list = join(CASES, 'lists-and-labels/list16.txt');
    const { code, stdout } = await runClassify(['--files-from', list, '--format', 'csv'], { cwd: folder });
    expect(code).toBe(0);
    expect(csvRows(stdout).map(({ path }) => path)).toEqual(['photos/cat.jpg', 'photos/dog.jpg']);
  });

  test.skipIf(PYTHON === undefined)(
    'what is decoded has Pillow’s pixels, and what Pillow refuses is refused',
    async () => {
      const compared = await compareWithPillow(CASES, join(temporaryFolder(), 'pixels.bin'));
      const decoded = compared.filter(({ difference }) => difference !== undefined);
      expect(decoded.length).toBe(13);
      expect(decoded.filter(({ difference = 0, format }) => difference > 0 && format !== 'AVIF')).toEqual([]);
      expect(compared.filter(({ error, refused }) => error !== undefined && refused === undefined)).toEqual([]);
    },
  );
});

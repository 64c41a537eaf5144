import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CAT, ODD, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { csvRows, jsonRows } from './helpers/rows.js';

const folder = temporaryFolder();

/** One sound image of each format. */
const SOUND: Readonly<Record<string, string>> = {
  jpg: CAT,
  png: join(ODD, 'palette.png'),
  webp: join(ODD, 'photo.webp'),
  gif: join(ODD, 'animated.gif'),
  tiff: join(ODD, 'photo.tiff'),
  avif: join(ODD, 'photo.avif'),
};

/** Bytes turned over in the middle of a file's data, so that its header stays sound. */
const DAMAGED_BYTES = 64;

/** Names in the list → the code of their row; 'ok' for those that only look strange. */
const EXPECTED: Record<string, string> = {
  'zero.jpg': 'DECODE_FAILED',
  'text.jpg': 'UNSUPPORTED_FORMAT',
  'drawing.png': 'UNSUPPORTED_FORMAT',
  'paper.jpg': 'UNSUPPORTED_FORMAT',
  'jpeg-called.png': 'ok',
  'gone.jpg': 'NOT_FOUND',
  'below/gone/x.jpg': 'NOT_FOUND',
  'folder.jpg': 'UNREADABLE',
  'loop.jpg': 'UNREADABLE',
  'pipe.jpg': 'UNREADABLE',
  'huge.png': 'TOO_LARGE',
  'sound.jpg': 'ok',
};

const file = (name: string) => join(folder, name);

beforeAll(() => {
  for (const [extension, source] of Object.entries(SOUND)) {
    const bytes = readFileSync(source);
    for (const part of [0.05, 0.5]) {
      const name = `cut-${part}.${extension}`;
      copyFileSync(source, file(name));
      truncateSync(file(name), Math.floor(bytes.length * part));
      EXPECTED[name] = 'DECODE_FAILED';
    }
    const corrupt = Buffer.from(bytes);
    const middle = Math.floor(corrupt.length / 2);
    for (let i = middle; i < middle + DAMAGED_BYTES; i += 1) corrupt[i] = (corrupt[i] as number) ^ 0xff;
    writeFileSync(file(`corrupt.${extension}`), corrupt);
    // Formats without a checksum can still be decoded, as other programs do; never may it end the run.
    EXPECTED[`corrupt.${extension}`] = 'any';
  }
  // Of an animation the first frame is read, and half of this one holds it.
  EXPECTED['cut-0.5.gif'] = 'ok';
  writeFileSync(file('zero.jpg'), '');
  writeFileSync(file('text.jpg'), 'This is no image.\n'.repeat(100));
  writeFileSync(file('drawing.png'), '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>');
  writeFileSync(file('paper.jpg'), '%PDF-1.7\n%\u00e2\u00e3\n1 0 obj\n<</Type/Catalog>>\nendobj\n');
  copyFileSync(join(ODD, 'jpeg-called.png'), file('jpeg-called.png'));
  mkdirSync(file('folder.jpg'));
  symlinkSync('loop.jpg', file('loop.jpg'));
  execFileSync('mkfifo', [file('pipe.jpg')]);
  writeFileSync(file('huge.png'), bombPng(60_000));
  copyFileSync(CAT, file('sound.jpg'));
});

/** The header of a PNG of side × side pixels, without any: what a decompression bomb claims. */
function bombPng(side: number): Buffer {
  const bytes = Buffer.from(readFileSync(join(ODD, 'rgb-16bit.png')));
  bytes.writeUInt32BE(side, 16);
  bytes.writeUInt32BE(side, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

/** The checksum of PNG, ISO 3309. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('an image that cannot be classified', () => {
  it('is a row with its code under its own name, and the run goes on: 3', async () => {
    const names = Object.keys(EXPECTED);
    const run = await runClassify(['--files-from', '-', '--format', 'jsonl'], { cwd: folder, input: names.join('\n') });
    expect(run.code, run.stderr).toBe(3);
    const rows = jsonRows(run.stdout);
    expect(rows.map(({ path }) => path)).toEqual(names);
    for (const { path, status, error } of rows) {
      const expected = EXPECTED[path];
      if (expected === 'any') expect(['ok', 'DECODE_FAILED'], path).toContain(error?.code ?? status);
      else expect(error?.code ?? status, `${path}: ${error?.message}`).toBe(expected);
      if (status === 'error') expect(error.message, path).toMatch(/^Expected \P{Cc}+ but \P{Cc}+\.$/u);
    }
    // PNG has checksums: what is damaged there is never shown as an image.
    expect(rows.find(({ path }) => path === 'corrupt.png').status).toBe('error');
  });

  it('is told on stderr without --quiet, ten of them by name', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `gone-${i}.jpg`);
    const input = ['sound.jpg', ...names].join('\n');
    const run = await runCommand(['classify', '-m', 'mini', '-k1', '--files-from', '-'], { cwd: folder, input });
    expect(csvRows(run.stdout).filter(({ status }) => status === 'error')).toHaveLength(12);
    expect(run.stderr.match(/^gone-\d+\.jpg: NOT_FOUND: Expected .*\.$/gm)).toHaveLength(10);
    expect(run.stderr).toMatch(/^More images failed: see the output\.$/m);
    expect(run.stderr).toMatch(/^13 images in .*, 12 failed$/m);
  });
});

describe('folders', () => {
  it('with links in a circle are walked once, each file under one name', async () => {
    const root = temporaryFolder();
    place(join(root, 'a/cat.jpg'));
    symlinkSync('..', join(root, 'a/up'));
    symlinkSync('.', join(root, 'a/self'));
    symlinkSync('a', join(root, 'b'));
    const run = await runClassify(['.', '--follow-symlinks', '-k1'], { cwd: root });
    expect(run.code, run.stderr).toBe(0);
    expect(csvRows(run.stdout).map(({ path }) => path)).toEqual(['a/cat.jpg']);
  });

  it('are read by the formats wanted, hidden files left alone', async () => {
    const root = temporaryFolder();
    for (const name of ['a.JPG', 'b.txt', '.hidden.jpg', 'c/d.jpeg']) place(join(root, name), join(PHOTOS, 'dog.jpg'));
    const run = await runClassify(['.', '-k1'], { cwd: root });
    expect(csvRows(run.stdout).map(({ path }) => path)).toEqual(['a.JPG', 'c/d.jpeg']);
  });
});

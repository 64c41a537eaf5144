import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ImageFile } from '../../../src/images/list/find.js';
import { loadImage } from '../../../src/images/load.js';
import { collect, find, root, rows, shown, write } from '../folder.js';
import { tar, zip } from './archives.js';

const A = { name: 'a.jpg', body: 'first' };
const B = { name: 'b.jpg', body: 'second' };
const KINDS: readonly (readonly [string, (...entries: { name: string | Buffer; body?: string }[]) => Buffer])[] = [
  ['x.tar', tar],
  ['x.tar.gz', (...entries) => gzipSync(tar(...entries))],
  ['x.TGZ', (...entries) => gzipSync(tar(...entries))],
  ['x.zip', zip],
];

describe.each(KINDS)('%s', (name, make) => {
  test('gives its images in its own order, with their bytes', async () => {
    const file = write(name, make({ name: 'sub/z.jpg', body: 'first' }, B, { ...A, name: './a.PNG' }));
    expect(await rows(file)).toEqual([
      [`${name}/sub/z.jpg`, 'first'],
      [`${name}/b.jpg`, 'second'],
      [`${name}/a.PNG`, 'first'],
    ]);
  });

  test('is told by its content, whatever its name', async () => {
    expect(await rows(write('other.tar', make(A)))).toEqual([['other.tar/a.jpg', 'first']]);
    expect(await rows(write('other.zip', make(A)))).toEqual([['other.zip/a.jpg', 'first']]);
  });

  test('passes over other files, dot files, what macOS adds, and archives', async () => {
    const names = ['a.txt', '.b.jpg', '.git/c.jpg', 'd/.e/f.jpg', '__MACOSX/g.jpg', 'h.tar', 'i.jpg/', 'j'];
    const file = write(name, make(...names.map((other) => ({ name: other })), A));
    expect(await shown({ inputs: [file], extensions: ['tar', 'zip', 'jpg'] })).toEqual([`${name}/a.jpg`]);
  });

  test('shows names that lead elsewhere inside of itself', async () => {
    const names = ['/etc/a.jpg', '../../b.jpg', 'c/../../d.jpg', './/e/./f.jpg', 'g/..'];
    const file = write(name, make(...names.map((inside) => ({ name: inside }))));
    expect(await shown({ inputs: [file] })).toEqual(
      ['etc/a.jpg', 'b.jpg', 'd.jpg', 'e/f.jpg'].map((inside) => `${name}/${inside}`),
    );
  });

  test('may have names of any bytes, and a name twice', async () => {
    const raw = Buffer.from('caf\xe9\n.jpg', 'latin1');
    const file = write(
      name,
      make({ name: raw, body: '1' }, { name: 'é.jpg', body: '2' }, { name: 'é.jpg', body: '3' }),
    );
    expect(await rows(file)).toEqual([
      [`${name}/caf\\xe9\n.jpg`, '1'],
      [`${name}/é.jpg`, '2'],
      [`${name}/é.jpg`, '3'],
    ]);
  });

  test('is excluded whole or in parts', async () => {
    const file = write(name, make(A, B, { name: 'thumbs/c.jpg' }));
    const options = { inputs: [file, write('z.jpg')] };
    expect(await shown({ ...options, exclude: [name] })).toEqual(['z.jpg']);
    expect(await shown({ ...options, exclude: ['thumbs', `${file}/b.*`] })).toEqual([`${name}/a.jpg`, 'z.jpg']);
  });

  test('is limited and sharded by its files, and reads only those', async () => {
    const names = Array.from({ length: 7 }, (_, i) => `${i}.jpg`);
    const inputs = [
      write('a.jpg'),
      write(name, make(...names.map((inside) => ({ name: inside, body: inside })))),
      write('y.jpg'),
    ];
    const all = ['a.jpg', ...names.map((inside) => `${name}/${inside}`), 'y.jpg'];
    const shards = await Promise.all([1, 2, 3, 4].map((index) => collect({ inputs, shard: { index, count: 4 } })));
    expect(shards.map((files) => files.map((file) => file.index))).toEqual([
      [0, 4, 8],
      [1, 5],
      [2, 6],
      [3, 7],
    ]);
    for (const { path: file, index, member } of shards.flat()) {
      expect(file).toBe(all[index]);
      expect(member?.content.toString()).toBe(names[index - 1]);
    }
    expect(await shown({ inputs, limit: 3 })).toEqual(all.slice(0, 3));
    expect(await shown({ inputs, limit: 3, shard: { index: 2, count: 2 } })).toEqual([all[1]]);
  });

  test('without an image ends the run with exit 4 where it is all there is', async () => {
    const empty = write(name, make({ name: 'a.txt' }));
    await expect(shown({ inputs: [empty] })).rejects.toMatchObject({
      code: 'NO_INPUTS',
      exitCode: 4,
      message: `Expected images in ${JSON.stringify(empty)} but found only one file with another extension than jpg, jpeg, png.`,
    });
    async function* list() {
      yield Buffer.from(`${empty}\n`);
    }
    await expect(shown({ inputs: [], list: list() })).rejects.toMatchObject({ code: 'NO_INPUTS' });
    expect(await shown({ inputs: [empty, write('z.jpg')] })).toEqual(['z.jpg']);
    expect(await shown({ inputs: [write('none.tar', make()), write('z.jpg')] })).toEqual(['z.jpg']);
  });

  test('opens an image inside as it does a file', async () => {
    const jpeg = fs.readFileSync(new URL('../../../fixtures/images-odd/grey.jpg', import.meta.url));
    const file = write(
      name,
      make({ name: 'grey.jpg', body: jpeg as never }, { name: 'empty.jpg' }, { name: 'text.jpg', body: 'text' }),
    );
    const [grey, empty, text] = await collect({ inputs: [file] });
    const options = { resize: 64, crop: 56, autoOrient: true, decode: 'exact', maxPixels: 1e8 } as const;
    expect(await loadImage(grey as ImageFile, options)).toEqual(await loadImage(write('grey.jpg', jpeg), options));
    await expect(loadImage(empty as ImageFile, options)).rejects.toMatchObject({ code: 'DECODE_FAILED' });
    await expect(loadImage(text as ImageFile, options)).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' });
  });
});

describe('archives', () => {
  test('are opened where named, matched by a glob or listed, in folders only when asked for', async () => {
    for (const name of ['one.tar', 'sub/two.TAR', 'three.zip']) write(name, name.endsWith('zip') ? zip(A) : tar(A));
    write('b.jpg');
    const inside = ['one.tar/a.jpg', 'sub/two.TAR/a.jpg', 'three.zip/a.jpg'];
    expect(await shown({})).toEqual(['b.jpg']);
    expect(await shown({ extensions: ['tar', 'jpg'] })).toEqual(['b.jpg', inside[0], inside[1]]);
    expect(await shown({ extensions: ['.ZIP'] })).toEqual([inside[2]]);
    expect(await shown({ inputs: [`${root}/**/*`] })).toEqual(['b.jpg', inside[0], inside[1], inside[2]]);
    expect(await shown({ inputs: [`${root}/three.zip`, `${root}/one.tar`, root] })).toEqual([
      'b.jpg',
      inside[0],
      inside[2],
    ]);
    async function* list() {
      yield Buffer.from(`${root}/three.zip\n${root}/b.jpg\n${root}/one.tar\n${root}/three.zip\n`);
    }
    expect(await shown({ inputs: [], list: list() })).toEqual([inside[2], 'b.jpg', inside[0], inside[2]]);
  });

  test('make the number of files unknown', async () => {
    const inputs = [write('a.jpg'), write('b.tar', tar(A))];
    expect((await find({ inputs })).total).toBeUndefined();
    expect((await find({ inputs: inputs.slice(0, 1) })).total).toBe(1);
  });

  test.each([
    ['tar.gz', ['x.tar.gz/a.jpg']],
    ['gz', ['x.tar.gz/a.jpg']],
    ['tgz', ['x.tgz/a.jpg']],
  ])('in folders are meant by the extension %s', async (extension, expected) => {
    for (const name of ['x.tar.gz', 'x.tgz']) write(name, gzipSync(tar(A)));
    expect(await shown({ extensions: [extension] })).toEqual(expected);
  });

  test('of files that an independent program made are read', async () => {
    write('in/a.jpg', 'first');
    write(`in/${'deep/'.repeat(60)}b.jpg`, 'second');
    execFileSync('tar', ['-czf', `${root}/x.tgz`, '-C', `${root}/in`, '.']);
    execFileSync('python3', ['-m', 'zipfile', '-c', `${root}/x.zip`, `${root}/in/`]);
    const sorted = async (name: string) => (await rows(path.join(root, name))).sort();
    expect(await sorted('x.tgz')).toEqual([
      ['x.tgz/a.jpg', 'first'],
      [`x.tgz/${'deep/'.repeat(60)}b.jpg`, 'second'],
    ]);
    expect(await sorted('x.zip')).toEqual([
      ['x.zip/in/a.jpg', 'first'],
      [`x.zip/in/${'deep/'.repeat(60)}b.jpg`, 'second'],
    ]);
  });
});

describe('a packed archive that is damaged', () => {
  const MANY = Array.from({ length: 40 }, (_, i) => ({ name: `${i + 10}.jpg`, body: `${i}`.repeat(3000) }));
  const packed = gzipSync(tar(...MANY));
  const flipped = (at: number) => Buffer.from(packed.map((byte, i) => (i === packed.length + at ? byte ^ 1 : byte)));

  test.each([
    ['by a wrong sum at its end', flipped(-8)],
    ['by a wrong length at its end', flipped(-1)],
    ['by what follows its end', Buffer.concat([packed, Buffer.from('junk')])],
  ])('%s gives all of its images, and a row for itself', async (_name, bytes) => {
    const entries = await collect({ inputs: [write('x.tar.gz', bytes)] });
    expect(entries.map(({ path: shown }) => shown)).toEqual([
      ...MANY.map(({ name }) => `x.tar.gz/${name}`),
      'x.tar.gz',
    ]);
    expect(entries.at(-1)?.failure?.code).toBe('DECODE_FAILED');
    expect(entries[39]?.member?.content.toString()).toBe(MANY[39]?.body);
  });
});

describe('what is no archive is a row under its own name', () => {
  test.each([
    ['a JPEG', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(2000, 7)]), 'UNSUPPORTED_FORMAT', 'JPEG'],
    ['a page', '<!DOCTYPE html><title>404</title>', 'UNSUPPORTED_FORMAT', 'HTML'],
    ['an XZ archive', Buffer.from('\xfd7zXZ\0', 'latin1'), 'UNSUPPORTED_FORMAT', 'an XZ archive'],
    ['a packed page', gzipSync('<!DOCTYPE html>'), 'UNSUPPORTED_FORMAT', 'HTML'],
    ['noise', Buffer.alloc(5000, 'a\0b\x01'), 'UNSUPPORTED_FORMAT', 'data of an unknown kind'],
    ['nothing', '', 'DECODE_FAILED', 'empty (0 bytes)'],
    ['noise that begins as gzip', Buffer.alloc(5000, '\x1f\x8b\x08', 'latin1'), 'DECODE_FAILED', 'damaged'],
    ['noise that begins as ZIP', Buffer.alloc(5000, 'PK\x03\x04'), 'DECODE_FAILED', 'damaged'],
  ])('%s', async (_name, content, code, words) => {
    const inputs = [write('x.tar', content), write('z.jpg')];
    const [row, other] = await collect({ inputs });
    expect(row).toMatchObject({ path: 'x.tar', index: 0, failure: { code } });
    expect(row?.failure?.message).toContain(words);
    expect(row?.failure?.message).toMatch(/^Expected .*\.$/);
    expect(other).toMatchObject({ path: 'z.jpg', index: 1 });
  });

  test('a missing one, a folder, a pipe, and one without permission', async () => {
    fs.mkdirSync(path.join(root, 'folder.tar'));
    execFileSync('mkfifo', [path.join(root, 'pipe.zip')]);
    fs.chmodSync(write('locked.tgz', gzipSync(tar(A))), 0);
    fs.chmodSync(root, 0o755);
    async function* list() {
      for (const name of ['missing.tar', 'folder.tar', 'pipe.zip', 'locked.tgz'])
        yield Buffer.from(`${root}/${name}\n`);
    }
    const user = process.geteuid?.() === 0;
    if (user) process.seteuid?.(65534);
    const files = await collect({ inputs: [], list: list() }).finally(() => user && process.seteuid?.(0));
    expect(files.map(({ path: name, failure }) => [name, failure?.code])).toEqual([
      ['missing.tar', 'NOT_FOUND'],
      ['folder.tar', 'UNREADABLE'],
      ['pipe.zip', 'UNREADABLE'],
      ['locked.tgz', 'UNREADABLE'],
    ]);
  });
});

describe('digests', () => {
  const NAMES = ['a.jpg', 'x.tar/0.jpg', 'x.tar/1.jpg', 'x.tar/2.jpg', 'x.zip/a.jpg', 'z.jpg'];
  const sha256 = (names: readonly string[]) =>
    createHash('sha256')
      .update(names.map((name) => `${name}\0`).join(''))
      .digest('hex');

  beforeEach(() => {
    for (const name of ['a.jpg', 'z.jpg']) write(name);
    write('x.tar', tar({ name: '0.jpg' }, { name: '1.jpg' }, { name: '2.jpg' }));
    write('x.zip', zip(A));
  });

  test('of the whole list are the same for all shards, of the selected files not', async () => {
    for (const index of [1, 2, 3, 4, 5, 6, 7]) {
      const list = await find({ extensions: ['jpg', 'tar', 'zip'], shard: { index, count: 7 } });
      for await (const _ of list.files);
      expect(list.listDigest()).toBe(sha256(NAMES));
      expect(list.digest()).toBe(sha256(NAMES.slice(index - 1, index)));
    }
  });

  test('are of what a limit lets through, and of lists too', async () => {
    async function* names() {
      for (const name of ['a.jpg', 'x.tar', 'z.jpg']) yield Buffer.from(`${root}/${name}\n`);
    }
    const list = await find({ inputs: [], list: names(), limit: 3, shard: { index: 1, count: 5 } });
    expect(list.listDigest()).toBe(sha256([]));
    for await (const _ of list.files);
    expect(list.listDigest()).toBe(sha256(NAMES.slice(0, 3)));
    expect(list.digest()).toBe(sha256(NAMES.slice(0, 1)));
  });
});

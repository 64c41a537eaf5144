/** What is met and not taken: hidden names, links, other extensions; and what looks like a file and is none. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { PassedOver } from '../../../src/images/list/passed-over.js';
import { loadImage } from '../../../src/images/load.js';
import { tar, zip } from '../archive/archives.js';
import { collect, find, root, shown, write } from '../folder.js';

const NONE = { others: 0, links: 0, hidden: 0, excluded: 0 };

async function counts(options: Parameters<typeof find>[0]) {
  const list = await find(options);
  for await (const _ of list.files);
  return list.passedOver.counts();
}

/** Files in folders that systems keep. */
const SYSTEM = [
  '@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg',
  '#recycle/b.jpg',
  '.thumbnails/c.jpg',
  '__MACOSX/d.jpg',
  '$RECYCLE.BIN/S-1-5/e.jpg',
  'System Volume Information/f.jpg',
  'lost+found/g.jpg',
  '@Recycle/h.jpg',
];

describe('hidden names', () => {
  test('are passed over in folders at any depth, each folder counted once', async () => {
    for (const name of SYSTEM) {
      write(name);
      write(`sub/${name.toLowerCase()}`);
    }
    for (const name of ['a.jpg', '._a.jpg', '.b.jpg', '.DS_Store', 'sub/c.jpg', 'eaDir/d.jpg']) write(name);
    expect(await shown({})).toEqual(['a.jpg', 'eaDir/d.jpg', 'sub/c.jpg']);
    expect(await counts({})).toEqual({ ...NONE, hidden: 2 * SYSTEM.length + 2 });
    expect(await counts({ recursive: false })).toEqual({ ...NONE, hidden: 2 });
  });

  test('are taken where they are named, in a list and by a glob that spells them out', async () => {
    for (const name of SYSTEM) write(`photos/${name}`);
    write('photos/a.jpg');
    const named = SYSTEM.map((name) => `${root}/photos/${name}`);
    expect(await collect({ inputs: named })).toHaveLength(SYSTEM.length);
    for (const name of SYSTEM) {
      const folder = name.slice(0, name.indexOf('/'));
      expect(await shown({ inputs: [`${root}/photos/${folder}`] })).toEqual([`photos/${name}`]);
    }
    async function* list() {
      yield Buffer.from(named.join('\n'));
    }
    expect(await collect({ inputs: [], list: list() })).toHaveLength(SYSTEM.length);
    expect(await shown({ inputs: [`${root}/photos/**/*.jpg`] })).toEqual(['photos/a.jpg']);
    await expect(shown({ inputs: [`${root}/photos/*/*/*.jpg`] })).rejects.toMatchObject({ code: 'NO_INPUTS' });
    expect(await shown({ inputs: [`${root}/*/@eaDir/**/*.jpg`] })).toEqual([`photos/${SYSTEM[0]}`]);
    expect(await shown({ inputs: [`${root}/photos/{#recycle,x}/*`] })).toEqual(['photos/#recycle/b.jpg']);
  });

  test.each([
    ['x.tar', tar],
    ['x.zip', zip],
  ])('are passed over in %s', async (name, make) => {
    const names = [...SYSTEM, 'sub/@eaDir/x.jpg', '._a.jpg', '.DS_Store', 'a.jpg', 'b.txt'];
    const file = write(name, make(...names.map((inside) => ({ name: inside }))));
    expect(await shown({ inputs: [file] })).toEqual([`${name}/a.jpg`]);
    expect(await counts({ inputs: [file] })).toEqual({ ...NONE, others: 1, hidden: SYSTEM.length + 2 });
  });

  test('that are all there is end the run with a sentence', async () => {
    write('@eaDir/a.jpg');
    write('.b.jpg');
    await expect(shown({})).rejects.toMatchObject({
      code: 'NO_INPUTS',
      message: expect.stringMatching(/found only 2 hidden files or folders\.$/),
      hint: 'Name a hidden folder itself to look into it.',
    });
  });
});

describe('counts', () => {
  test('are of the whole listing, for a shard and a limit too', async () => {
    for (const name of ['a.jpg', 'b.jpg', 'c.HEIC', 'd.heic', 'e.mp4', 'f', 'g.tar.gz.part', 'sub/h.xmp']) write(name);
    fs.symlinkSync('a.jpg', path.join(root, 'i.jpg'));
    fs.symlinkSync('sub', path.join(root, 'j'));
    const list = await find({ limit: 1, shard: { index: 2, count: 2 }, exclude: ['sub'] });
    expect(list.passedOver.counts()).toEqual({ others: 5, links: 2, hidden: 0, excluded: 1 });
    expect(list.passedOver.topExtensions(2)).toEqual([
      ['.heic', 2],
      ['.mp4', 1],
    ]);
  });

  test('name no extension that only looks like one, and not more than a thousand', () => {
    const passedOver = new PassedOver();
    for (const name of ['Mr. Smith', 'x.\x1b[31m', 'y.abcdefghijk', '.hidden', 'caf.\xe9']) passedOver.addOther(name);
    expect(passedOver.topExtensions(9)).toEqual([]);
    for (let i = 0; i < 3000; i += 1) passedOver.addOther(`a.${i}`);
    passedOver.addOther('b.7');
    expect(passedOver.topExtensions(2000)).toHaveLength(1000);
    expect(passedOver.topExtensions(1)).toEqual([['.7', 2]]);
    expect(passedOver.others).toBe(3006);
  });

  test('are of lists too, where --exclude takes entries out', async () => {
    async function* list() {
      yield Buffer.from(`${root}/a.jpg\n${root}/b.jpg\n`);
    }
    expect(await counts({ inputs: [], list: list(), exclude: ['b.*'] })).toEqual({ ...NONE, excluded: 1 });
  });
});

describe('what is no file', () => {
  const OPTIONS = { resize: 64, crop: 56, autoOrient: true, decode: 'exact', maxPixels: 1e8 } as const;

  test('and is named as an image has a row that says so', async () => {
    execFileSync('mkfifo', [path.join(root, 'pipe.jpg'), path.join(root, 'pipe')]);
    write('a.jpg');
    for (const inputs of [[root], [`${root}/*.jpg`]]) {
      const found = await collect({ inputs });
      expect(found.map((file) => file.path)).toEqual(['a.jpg', 'pipe.jpg']);
      await expect(loadImage(found[1] as never, OPTIONS)).rejects.toMatchObject({ code: 'UNREADABLE' });
    }
    expect(await counts({})).toEqual({ ...NONE, others: 1 });
  });

  test('links to nothing and in a circle have a row where links are followed, else are counted', async () => {
    fs.symlinkSync('gone.jpg', path.join(root, 'a.jpg'));
    fs.symlinkSync('b.jpg', path.join(root, 'b.jpg'));
    fs.symlinkSync('gone', path.join(root, 'c'));
    write('d.jpg');
    expect(await shown({})).toEqual(['d.jpg']);
    expect(await counts({})).toEqual({ ...NONE, links: 3 });
    const found = await collect({ followSymlinks: true });
    expect(found.map((file) => file.path)).toEqual(['a.jpg', 'b.jpg', 'd.jpg']);
    await expect(loadImage(found[0] as never, OPTIONS)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(loadImage(found[1] as never, OPTIONS)).rejects.toMatchObject({ code: 'UNREADABLE' });
  });
});

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FindOptions, findImages, type ImageFile } from '../../../src/images/list/find.js';

let root: string;

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vgg16-find-')));
});

afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

const DEFAULTS: Omit<FindOptions, 'inputs' | 'relativeTo'> = {
  nullSeparated: false,
  recursive: true,
  extensions: ['jpg', 'jpeg', 'png'],
  exclude: [],
  followSymlinks: false,
  absolute: false,
};

/** Creates empty files below the test's folder; a name is text or raw bytes. */
function touch(...names: (string | Buffer)[]): void {
  for (const name of names) {
    const file = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
    if (typeof name === 'string') fs.mkdirSync(path.dirname(file.toString()), { recursive: true });
    fs.writeFileSync(file, '');
  }
}

async function collect(options: Partial<FindOptions>): Promise<ImageFile[]> {
  const list = await findImages({ ...DEFAULTS, inputs: [root], relativeTo: root, ...options });
  const files: ImageFile[] = [];
  for await (const file of list.files) files.push(file);
  return files;
}

async function shown(options: Partial<FindOptions>): Promise<string[]> {
  return (await collect(options)).map((file) => file.path);
}

async function* chunks(...parts: (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

/** Paths inside the test's folder, as arguments. */
const inside = (...names: string[]) => names.map((name) => `${root}/${name}`);

describe('folders', () => {
  test('hold images by extension in any case, in folders inside too, without dot files', async () => {
    touch('a.jpg', 'b.PNG', 'c.txt', 'd', '.hidden.jpg', 'sub/e.jpeg', '.git/f.jpg', 'jpg');
    expect(await shown({})).toEqual(['a.jpg', 'b.PNG', 'sub/e.jpeg']);
  });

  test('are not entered below the first level without recursion', async () => {
    touch('a.jpg', 'sub/e.jpeg');
    expect(await shown({ recursive: false })).toEqual(['a.jpg']);
  });

  test('give files in byte order, whatever the order of the arguments', async () => {
    touch('b/1.jpg', 'a.jpg', 'a/2.jpg', 'Z.jpg', 'é.jpg', 'ｚ.jpg', '😀.jpg');
    const expected = ['Z.jpg', 'a.jpg', 'a/2.jpg', 'b/1.jpg', 'é.jpg', 'ｚ.jpg', '😀.jpg'];
    expect(await shown({ inputs: inside('😀.jpg', 'b', 'ｚ.jpg', 'é.jpg', 'a', 'a.jpg', 'Z.jpg') })).toEqual(expected);
    expect(await shown({})).toEqual(expected);
  });

  test('give each real file once', async () => {
    touch('sub/a.jpg');
    fs.symlinkSync('sub', `${root}/link`);
    fs.symlinkSync('a.jpg', `${root}/sub/z.jpg`);
    expect(await shown({ inputs: inside('link', 'sub', 'sub/a.jpg', 'sub/../sub/z.jpg', 'sub/') })).toEqual([
      'link/a.jpg',
    ]);
  });

  test('do not lead through links unless asked', async () => {
    touch('real/a.jpg', 'outside/b.jpg');
    fs.symlinkSync('../outside', `${root}/real/folder`);
    fs.symlinkSync('../outside/b.jpg', `${root}/real/file.jpg`);
    expect(await shown({ inputs: inside('real') })).toEqual(['real/a.jpg']);
    expect(await shown({ inputs: inside('real'), followSymlinks: true })).toEqual(['real/a.jpg', 'real/file.jpg']);
  });

  test('end where links make a loop', async () => {
    touch('a/x.jpg', 'b/y.jpg');
    fs.symlinkSync('..', `${root}/a/up`);
    fs.symlinkSync('.', `${root}/a/self`);
    fs.symlinkSync('../b', `${root}/a/other`);
    fs.symlinkSync('../a', `${root}/b/other`);
    expect(await shown({ followSymlinks: true })).toEqual(['a/other/y.jpg', 'a/x.jpg']);
  });

  test('that cannot be listed stay in the list, to fail under their own name', async () => {
    touch('a.jpg', 'locked/b.jpg');
    fs.chmodSync(`${root}/locked`, 0o000);
    const paths = await asNobody(() => shown({}));
    fs.chmodSync(`${root}/locked`, 0o755);
    expect(paths).toEqual(['a.jpg', 'locked']);
  });
});

describe('names', () => {
  test('may be any bytes: they are found, opened and shown as text', async () => {
    const names = [
      'new\nline.jpg',
      'quote"\'.jpg',
      '\x1b[31mred.jpg',
      '-leading.jpg',
      ' spaces .jpg',
      'a[1]*?{b}!.jpg',
      '😀.jpg',
      Buffer.from('bad\xff\xe9.jpg', 'latin1'),
      Buffer.from('cut\xe2\x82.jpg', 'latin1'),
    ];
    touch(...names);
    const files = await collect({});
    expect(new Set(files.map((file) => file.path))).toEqual(
      new Set([...names.slice(0, 7), 'bad\\xff\\xe9.jpg', 'cut\\xe2\\x82.jpg']),
    );
    for (const { file } of files) expect(fs.existsSync(file)).toBe(true);
    for (const { path: text } of files) expect(text).not.toContain('\ufffd');
  });

  test('may be invalid UTF-8 in an argument and in the name of a folder', async () => {
    const folder = Buffer.from(`${root}/\xfffolder`, 'latin1');
    fs.mkdirSync(folder);
    fs.writeFileSync(Buffer.concat([folder, Buffer.from('/a.jpg')]), '');
    expect(await shown({ inputs: [folder] })).toEqual(['\\xfffolder/a.jpg']);
  });

  test('are shown relative to the given folder, or absolute', async () => {
    touch('sub/a.jpg');
    expect(await shown({ relativeTo: `${root}/sub` })).toEqual(['a.jpg']);
    expect(await shown({ relativeTo: `${root}/other/place` })).toEqual(['../../sub/a.jpg']);
    expect(await shown({ absolute: true })).toEqual([`${root}/sub/a.jpg`]);
  });
});

describe('arguments', () => {
  test('that are files are taken whatever their extension, links included', async () => {
    touch('notes.txt', 'real.jpg');
    fs.symlinkSync('real.jpg', `${root}/link`);
    expect(await shown({ inputs: inside('notes.txt', 'link') })).toEqual(['link', 'notes.txt']);
  });

  test('are globs only where no such file exists', async () => {
    touch('a[1].jpg', 'a1.jpg', 'a2.jpg', 'a.txt', 'sub/a3.jpg');
    expect(await shown({ inputs: inside('a[1].jpg') })).toEqual(['a[1].jpg']);
    expect(await shown({ inputs: inside('a?.*') })).toEqual(['a1.jpg', 'a2.jpg']);
    expect(await shown({ inputs: inside('**/a[23].jpg') })).toEqual(['a2.jpg', 'sub/a3.jpg']);
    expect(await shown({ inputs: inside('{sub,nothing}/*') })).toEqual(['sub/a3.jpg']);
  });

  test('that name nothing stay in the list beside others that do', async () => {
    touch('a.jpg');
    expect(await shown({ inputs: inside('a.jpg', 'missing.jpg', 'none*.png') })).toEqual([
      'a.jpg',
      'missing.jpg',
      'none*.png',
    ]);
  });

  test.each([
    ['nothing there', [], ['missing.jpg', 'none*'], /"[^"]*missing\.jpg".*no such file/],
    ['an empty folder', [], ['.'], /no file with the extension jpg, jpeg, png/],
    [
      'a folder of other files',
      ['a.txt', 'b.md'],
      ['.'],
      /found only 2 files with another extension than jpg, jpeg, png\.$/,
    ],
    ['a glob of other files', ['a.txt'], ['*.txt'], /found only one file with another extension/],
  ])('that give nothing end the run with exit 4: %s', async (_name, files, inputs, message) => {
    touch(...files);
    await expect(shown({ inputs: inside(...inputs) })).rejects.toMatchObject({
      name: 'RunError',
      code: 'NO_INPUTS',
      exitCode: 4,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  test('that give nothing count everything that was passed over', async () => {
    touch('a.txt', 'b.jpg', 'thumbs/c.jpg');
    fs.symlinkSync('a.txt', `${root}/link.jpg`);
    await expect(shown({ exclude: ['b.*', 'thumbs'] })).rejects.toMatchObject({
      message: expect.stringMatching(
        /found only one file with another .* and 2 excluded paths and one symbolic link\.$/,
      ),
    });
  });

  test('that are empty are a mistake, not the current folder', async () => {
    await expect(shown({ inputs: [''] })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  });
});

describe('exclude', () => {
  beforeEach(() => {
    touch('a.jpg', 'a_thumb.jpg', 'bad/b.jpg', 'good/c.jpg', 'good/bad/d.jpg', 'good/é.jpg');
  });

  test.each([
    ['*_thumb.jpg', ['a.jpg', 'bad/b.jpg', 'good/bad/d.jpg', 'good/c.jpg', 'good/é.jpg']],
    ['bad', ['a.jpg', 'a_thumb.jpg', 'good/c.jpg', 'good/é.jpg']],
    ['./bad/', ['a.jpg', 'a_thumb.jpg', 'good/c.jpg', 'good/é.jpg']],
    ['good/bad/*', ['a.jpg', 'a_thumb.jpg', 'bad/b.jpg', 'good/c.jpg', 'good/é.jpg']],
    ['*é*', ['a.jpg', 'a_thumb.jpg', 'bad/b.jpg', 'good/bad/d.jpg', 'good/c.jpg']],
  ])('takes out %s', async (glob, expected) => {
    expect(await shown({ exclude: [glob] })).toEqual(expected);
  });

  test('refuses a glob that is too long to be one, and takes such an argument for a path', async () => {
    const glob = `${'?'.repeat(50_000)}*`;
    await expect(shown({ exclude: [glob] })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    await expect(shown({ inputs: [glob] })).rejects.toMatchObject({ code: 'NO_INPUTS' });
  });

  test('takes absolute globs, and applies to files named as arguments and in lists', async () => {
    const exclude = [`${root}/bad/**`];
    expect(await shown({ inputs: inside('bad', 'bad/b.jpg', 'a.jpg'), exclude })).toEqual(['a.jpg']);
    expect(await shown({ inputs: [], list: chunks(`${root}/bad/b.jpg\n${root}/a.jpg`), exclude })).toEqual(['a.jpg']);
  });
});

describe('lists', () => {
  const listed = (text: string | Buffer, options: Partial<FindOptions> = {}) =>
    shown({ inputs: [], list: chunks(text), relativeTo: '.', ...options });

  test('keep their order and their duplicates, one entry a line', async () => {
    expect(await listed('b.jpg\r\n\na.jpg\nb.jpg\n  c.jpg')).toEqual(['b.jpg', 'a.jpg', 'b.jpg', '  c.jpg']);
    expect(await listed('\ufeffa.jpg\n\ufeffb.jpg')).toEqual(['a.jpg', '\ufeffb.jpg']);
  });

  test('may be separated by NUL, so that names may hold newlines', async () => {
    expect(await listed('a\nb.jpg\0c.jpg\r\0', { nullSeparated: true })).toEqual(['a\nb.jpg', 'c.jpg\r']);
  });

  test('may be cut anywhere into chunks and hold any bytes', async () => {
    const name = Buffer.from('\xff.jpg', 'latin1');
    touch(name);
    const bytes = Buffer.concat([Buffer.from(`café.jpg\n${root}/`), name, Buffer.from('\n')]);
    const list = chunks(...[...bytes].map((byte) => Buffer.from([byte])));
    expect(await shown({ inputs: [], list, relativeTo: root })).toEqual([
      path.relative(root, path.resolve('café.jpg')),
      '\\xff.jpg',
    ]);
  });

  test('are taken as they come, without waiting for their end', async () => {
    let release = () => {};
    const later = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow() {
      yield Buffer.from('first.jpg\nsecond');
      await later;
      yield Buffer.from('.jpg\n');
    }
    const { files, total } = await findImages({ ...DEFAULTS, inputs: [], list: slow(), relativeTo: '.' });
    expect(total).toBeUndefined();
    const iterator = files[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.path).toBe('first.jpg');
    release();
    expect((await iterator.next()).value?.path).toBe('second.jpg');
    expect((await iterator.next()).done).toBe(true);
  });

  test('without an entry end the run with exit 4, without an end of line with exit 2', async () => {
    await expect(listed('\n\r\n')).rejects.toMatchObject({ code: 'NO_INPUTS', exitCode: 4 });
    await expect(listed(Buffer.alloc(100_000, 'x'))).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  });
});

describe('limit, shard and digest', () => {
  const NAMES = Array.from({ length: 10 }, (_, i) => `${i}.jpg`);

  beforeEach(() => touch(...NAMES));

  test('shards are disjoint, cover everything and keep the position in the whole', async () => {
    const shards = await Promise.all([1, 2, 3].map((index) => collect({ shard: { index, count: 3 } })));
    expect(shards.map((files) => files.map((file) => file.index))).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7],
      [2, 5, 8],
    ]);
    expect(shards.flat().every((file) => file.path === NAMES[file.index])).toBe(true);
  });

  test('a limit applies before sharding, to lists too', async () => {
    expect(await shown({ limit: 4, shard: { index: 2, count: 3 } })).toEqual(['1.jpg']);
    const list = chunks('a.jpg\nb.jpg\nc.jpg');
    expect(await shown({ inputs: [], list, limit: 2, relativeTo: '.' })).toEqual(['a.jpg', 'b.jpg']);
  });

  test.each([
    [{}, 10],
    [{ limit: 3 }, 3],
    [{ limit: 30 }, 10],
    [{ shard: { index: 1, count: 3 } }, 4],
    [{ shard: { index: 3, count: 3 } }, 3],
    [{ shard: { index: 12, count: 12 } }, 0],
    [{ limit: 4, shard: { index: 2, count: 3 } }, 1],
  ])('total is the number of files to come: %j', async (options, total) => {
    const list = await findImages({ ...DEFAULTS, inputs: [root], relativeTo: root, ...options });
    expect(list.total).toBe(total);
    expect((await collect(options)).length).toBe(total);
  });

  test('the digest is of the shown paths, each ended by NUL', async () => {
    const list = await findImages({ ...DEFAULTS, inputs: [root], relativeTo: root, limit: 2 });
    for await (const _ of list.files);
    expect(list.digest()).toBe(createHash('sha256').update('0.jpg\x001.jpg\0').digest('hex'));
  });
});

test('10,000 files in ten folders are all found', async () => {
  for (let folder = 0; folder < 10; folder += 1) {
    fs.mkdirSync(`${root}/${folder}`);
    for (let i = 0; i < 1000; i += 1) fs.closeSync(fs.openSync(`${root}/${folder}/${i}.jpg`, 'w'));
  }
  expect(await collect({})).toHaveLength(10_000);
});

/** Runs without root's right to list everything. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  fs.chmodSync(root, 0o755);
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

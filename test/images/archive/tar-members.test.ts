/** Members of a tar archive that are no plain files: each is read, or has a row that says why not. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { collect, find, rows, write } from '../folder.js';
import { gnuLongName, pax, type TarEntry, tar } from './archives.js';

const A = { name: 'a.jpg', body: 'first' };
const ARCHIVES = fileURLToPath(new URL('../../../fixtures/archives/', import.meta.url));

/** Members and sha256 of what GNU tar extracts of them, see make_archives.py. */
const CONTENTS: Readonly<Record<string, readonly (readonly [string, string | null])[]>> = JSON.parse(
  fs.readFileSync(`${ARCHIVES}contents.json`, 'utf8'),
);

/** Rows of an archive, plain and packed: both are to be the same. */
async function members(...entries: TarEntry[]): Promise<(readonly [string, string])[]> {
  const plain = await rows(write('x.tar', tar(...entries)));
  const packed = await rows(write('x.tar', gzipSync(tar(...entries))));
  expect(packed).toEqual(plain);
  return plain.map(([path, content]) => [path.slice(path.indexOf('/') + 1), content] as const);
}

const link = (name: string, target: string): TarEntry => ({ name, link: target, type: '1' });

describe('of GNU tar', () => {
  test.each(Object.entries(CONTENTS))('%s gives what tar extracts of it', async (name, expected) => {
    const packed = fs.readFileSync(`${ARCHIVES}${name}`);
    for (const file of [write('x.tar.gz', packed), write('x.tar', gunzipSync(packed))]) {
      const found = await collect({ inputs: [file], relativeTo: file });
      expect(found.map(({ path }) => path)).toEqual(expected.map(([member]) => member));
      for (const [i, { member }] of found.entries()) {
        const sha256 = expected[i]?.[1];
        if (sha256 === null) expect(member?.content).toMatchObject({ code: 'UNSUPPORTED_FORMAT' });
        else
          expect(
            createHash('sha256')
              .update(member?.content as Buffer)
              .digest('hex'),
          ).toBe(sha256);
      }
    }
  });
});

describe('hard links', () => {
  test('have the contents of what they lead to, through other links and however it is spelled', async () => {
    const entries = [A, link('b.jpg', './a.jpg'), link('c.jpg', 'd/../b.jpg'), { name: 'z.jpg', body: 'last' }];
    expect(await members(...entries)).toEqual([
      ['a.jpg', 'first'],
      ['b.jpg', 'first'],
      ['c.jpg', 'first'],
      ['z.jpg', 'last'],
    ]);
  });

  test('lead to the last member of the name before them, of whatever extension', async () => {
    const data = (body: string) => ({ name: 'data.bin', body });
    const entries = [data('old'), link('a.jpg', 'data.bin'), data('new'), link('b.jpg', 'data.bin'), data('newest')];
    expect(await members(...entries)).toEqual([
      ['a.jpg', 'old'],
      ['b.jpg', 'new'],
    ]);
  });

  test('may lead back and forth', async () => {
    const bodies = Array.from({ length: 50 }, (_, i) => ({ name: `${i}.bin`, body: `${i}-`.repeat(i * 300) }));
    const links = bodies.map((_, i) => link(`${i}.jpg`, `${(i * 37) % 50}.bin`));
    const found = await members(...bodies, ...links);
    expect(found).toEqual(links.map(({ name }, i) => [name, bodies[(i * 37) % 50]?.body]));
  });

  test('to nothing, to themselves, to each other, to a later member or to a place outside have a row each', async () => {
    const links = [link('self.jpg', 'self.jpg'), link('c.jpg', 'd.jpg'), link('d.jpg', 'c.jpg')];
    const others = [link('e.jpg', 'z.jpg'), link('f.jpg', '/etc/passwd'), link('g.jpg', '')];
    const found = await members(...links, ...others, { name: 'z.jpg', body: 'last' });
    expect(found).toEqual([...[...links, ...others].map(({ name }) => [name, 'NOT_FOUND']), ['z.jpg', 'last']]);
  });

  test('have names of any bytes, long ones of GNU and of pax', async () => {
    const raw = Buffer.from('caf\xe9.jpg', 'latin1');
    const long = `${'x'.repeat(300)}.jpg`;
    const longLink = { ...gnuLongName(long), type: 'K' };
    const found = await members(
      { name: raw, body: 'bytes' },
      pax({ linkpath: raw }),
      link('b.jpg', 'stand-in'),
      gnuLongName(long),
      { name: 'x', body: 'long' },
      longLink,
      link('c.jpg', 'x'),
    );
    expect(found.map(([, content]) => content)).toEqual(['bytes', 'bytes', 'long', 'long']);
  });

  test('may carry their contents, as pax has it, or only say how many they would be', async () => {
    expect(await members({ ...link('a.jpg', 'gone.jpg'), body: 'own' }, A)).toEqual([
      ['a.jpg', 'own'],
      ['a.jpg', 'first'],
    ]);
    expect(await members(A, { ...link('b.jpg', 'a.jpg'), size: 5 }, { name: 'z.jpg', body: 'last' })).toEqual([
      ['a.jpg', 'first'],
      ['b.jpg', 'first'],
      ['z.jpg', 'last'],
    ]);
  });

  test('are read by the shards that want them, and count for all', async () => {
    const file = write(
      'x.tgz',
      gzipSync(tar(A, link('b.jpg', 'a.jpg'), link('c.jpg', 'a.jpg'), link('d.jpg', 'c.jpg'))),
    );
    const shards = await Promise.all([1, 2].map((index) => collect({ inputs: [file], shard: { index, count: 2 } })));
    expect(shards.map((files) => files.map(({ index, member }) => [index, String(member?.content)]))).toEqual([
      [
        [0, 'first'],
        [2, 'first'],
      ],
      [
        [1, 'first'],
        [3, 'first'],
      ],
    ]);
  });

  test('of a packed archive do not unpack it for ever', async () => {
    const body = Buffer.alloc(10e6);
    const away = [
      { name: 'first.bin', body: 'first' },
      { name: 'zeros.bin', body },
      { name: 'last.bin', body: 'last' },
    ];
    const links = Array.from({ length: 80 }, (_, i) => link(`${i}.jpg`, i % 2 === 0 ? 'last.bin' : 'first.bin'));
    const file = write('x.tgz', gzipSync(tar(...away, ...links), { level: 1 }));
    const contents = (await rows(file)).map(([, content]) => content);
    const read = contents.indexOf('UNREADABLE');
    expect(read).toBeGreaterThan(60); // 32 times 10 MB, each time for two links
    expect(contents).toEqual(links.map((_, i) => (i >= read ? 'UNREADABLE' : i % 2 === 0 ? 'last' : 'first')));
    const shard = await collect({ inputs: [file], shard: { index: 80, count: 80 } });
    expect(shard[0]?.member?.content).toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining('gunzip') });
    const plain = await rows(write('x.tar', tar(...away, ...links)));
    expect(plain.map(([, content]) => content)).toEqual(links.map((_, i) => (i % 2 === 0 ? 'last' : 'first')));
  });
});

describe('what is no file', () => {
  test('has a row that says so, and links are passed over as in a folder', async () => {
    const types = ['2', '3', '4', '5', '6', '7', 'V', 'Q', 'S', 'M'].map((type) => ({ name: `${type}.jpg`, type }));
    expect(await members(...types, A)).toEqual([
      ['3.jpg', 'UNREADABLE'],
      ['4.jpg', 'UNREADABLE'],
      ['6.jpg', 'UNREADABLE'],
      ['7.jpg', ''],
      ['Q.jpg', 'UNSUPPORTED_FORMAT'],
      ['S.jpg', 'UNSUPPORTED_FORMAT'],
      ['M.jpg', 'UNSUPPORTED_FORMAT'],
      ['a.jpg', 'first'],
    ]);
  });

  test('symbolic links are counted, or have a row where links are to be followed', async () => {
    const file = write(
      'x.tar',
      tar(A, { name: 'b.jpg', type: '2', link: 'a.jpg' }, { name: 'c', type: '2', link: '.' }),
    );
    const list = await find({ inputs: [file] });
    for await (const _ of list.files);
    expect(list.passedOver.counts()).toEqual({ others: 0, links: 2, hidden: 0, excluded: 0 });
    const followed = await collect({ inputs: [file], followSymlinks: true });
    expect(followed.map(({ path, member }) => [path, member?.content])).toEqual([
      ['x.tar/a.jpg', Buffer.from('first')],
      ['x.tar/b.jpg', expect.objectContaining({ code: 'UNREADABLE' })],
    ]);
  });

  test('a hard link to it has the row that it would have', async () => {
    const [pipe, symlink] = [
      { name: 'p', type: '6' },
      { name: 's', type: '2', link: 'a.jpg' },
    ];
    expect(await members(A, pipe, symlink, link('b.jpg', 'p'), link('c.jpg', 's'))).toEqual([
      ['a.jpg', 'first'],
      ['b.jpg', 'UNREADABLE'],
      ['c.jpg', 'UNREADABLE'],
    ]);
  });
});

describe('headers', () => {
  test('of pax hold for one member or for all, the last of a key counts, and an empty one takes it back', async () => {
    const file = { name: 'x.jpg', body: 'first' };
    expect(
      await members(
        pax({ comment: 'of git archive', path: 'all.jpg' }, 'g'),
        file,
        pax({ path: 'one.jpg' }),
        file,
        pax({ path: '' }),
        file,
      ),
    ).toEqual([
      ['all.jpg', 'first'],
      ['one.jpg', 'first'],
      ['x.jpg', 'first'],
    ]);
  });

  test('may state sizes in base 256 and in pax', async () => {
    const bytes = tar({ name: 'a.jpg', body: 'first' }, pax({ size: '4' }), { name: 'b.jpg', body: 'last' });
    bytes.fill(0, 124, 136);
    bytes[124] = 0x80;
    bytes[135] = 5;
    signed(bytes);
    expect(await rows(write('x.tar', bytes))).toEqual([
      ['x.tar/a.jpg', 'first'],
      ['x.tar/b.jpg', 'last'],
    ]);
  });

  test.each([
    ['a size below zero', (header: Buffer) => header.fill(0xff, 124, 136)],
    ['a size beyond all files', (header: Buffer) => header.fill(0x7f, 125, 136).fill(0x80, 124, 125)],
    ['a size that is no number', (header: Buffer) => header.write('9x', 124)],
    ['another checksum', (header: Buffer) => header.write('77', 10)],
  ])('with %s break the archive, after what was whole', async (name, change) => {
    const bytes = tar(A, { name: 'b.jpg', body: 'last' });
    const second = bytes.subarray(1024, 1536);
    change(second);
    if (name !== 'another checksum') signed(second);
    expect(await rows(write('x.tar', bytes))).toEqual([
      ['x.tar/a.jpg', 'first'],
      ['x.tar', 'DECODE_FAILED'],
    ]);
  });

  test.each([['no records at all'], ['12 path=b'], ['5 a=bc\n'], ['9999 path=b.jpg\n'], ['-3 x']])(
    'of pax that say %j break the archive',
    async (body) => {
      expect(await members(A, { name: 'x', type: 'x', body }, A)).toEqual([
        ['a.jpg', 'first'],
        ['x.tar', 'DECODE_FAILED'],
      ]);
    },
  );

  test('signed checksums of old programs are right too', async () => {
    const bytes = tar({ name: Buffer.from('\xe9.jpg', 'latin1'), body: 'first' });
    signed(bytes, (byte) => (byte > 127 ? byte - 256 : byte));
    expect(await rows(write('x.tar', bytes))).toEqual([['x.tar/\\xe9.jpg', 'first']]);
  });
});

describe('maps of sparse files', () => {
  const sparse = (records: Record<string, string>, body: string) =>
    members(pax({ 'GNU.sparse.size': '8', ...records }), { name: 'a.jpg', body }, { name: 'b.jpg', body: 'next' });

  test.each([
    ['0,2,6,2', 'abcd', 'ab\0\0\0\0cd'],
    ['2,2,8,0', 'ab', '\0\0ab\0\0\0\0'],
    ['', '', '\0'.repeat(8)],
  ])('%s of %j give %j', async (map, body, expected) => {
    expect((await sparse({ 'GNU.sparse.map': map }, body))[0]).toEqual(['a.jpg', expected]);
  });

  test.each([
    ['0,2,1,2', 'abcd'],
    ['6,4', 'abcd'],
    ['0,2', 'abcd'],
    ['0,4', 'ab'],
  ])('that do not fit (%s of %j) give a row', async (map, body) => {
    expect(await sparse({ 'GNU.sparse.map': map }, body)).toEqual([
      ['a.jpg', 'DECODE_FAILED'],
      ['b.jpg', 'next'],
    ]);
  });

  test.each([
    [{ 'GNU.sparse.map': '0' }],
    [{ 'GNU.sparse.map': 'a,b' }],
    [{ 'GNU.sparse.size': '-8', 'GNU.sparse.map': '0,4' }],
    [{ 'SUN.holesdata': ' 0 4 8', 'GNU.sparse.size': '' }],
  ])('of another kind (%j) give a row', async (records) => {
    expect(await sparse(records as never, 'abcd')).toEqual([
      ['a.jpg', 'UNSUPPORTED_FORMAT'],
      ['b.jpg', 'next'],
    ]);
  });

  test('in front of the contents (1.0) that are none give a row', async () => {
    const records = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '8' };
    for (const map of ['2\n0\n', 'x\n', '', '999999999\n0\n1\n']) {
      expect((await sparse(records, map.padEnd(512, '\0')))[0]).toEqual(['a.jpg', 'DECODE_FAILED']);
    }
  });

  test('of a size beyond what is read allocate nothing', async () => {
    const found = await sparse({ 'GNU.sparse.size': String(1024 ** 3 + 1), 'GNU.sparse.map': '0,4' }, 'abcd');
    expect(found[0]).toEqual(['a.jpg', 'TOO_LARGE']);
  });
});

/** Puts the checksum of the first header right. */
function signed(header: Buffer, signOf: (byte: number) => number = (byte) => byte): void {
  header.write('        ', 148);
  let sum = 0;
  for (const byte of header.subarray(0, 512)) sum += signOf(byte);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}

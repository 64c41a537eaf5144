import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { collect, find, root, rows, write } from '../folder.js';
import { gnuLongName, paxPath, TAR_END, tar, tarEntry } from './archives.js';

const A = { name: 'a.jpg', body: 'first' };
const B = { name: 'b.jpg', body: 'second' };

test('may have long names, of GNU tar and of pax', async () => {
  const long = `${'é'.repeat(150)}/${'x'.repeat(300)}.jpg`;
  const raw = Buffer.from(`${'\xe9'.repeat(150)}.jpg`, 'latin1');
  const short = { name: 'short.jpg', body: 'here' };
  const file = write('x.tar', tar(gnuLongName(long), short, paxPath(long), short, gnuLongName(raw), short, short));
  expect(await rows(file)).toEqual([
    [`x.tar/${long}`, 'here'],
    [`x.tar/${long}`, 'here'],
    [`x.tar/${'\\xe9'.repeat(150)}.jpg`, 'here'],
    ['x.tar/short.jpg', 'here'],
  ]);
});

test('of before the standard is read', async () => {
  const old = tar(A);
  old.fill(0, 257, 265);
  old.write('        ', 148);
  const sum = old.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  old.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  expect(await rows(write('x.tar', old))).toEqual([['x.tar/a.jpg', 'first']]);
});

const cuts: readonly (readonly [string, number, readonly string[]])[] = [
  ['in the first header', 300, []],
  ['in the first file', 514, []],
  ['in the padding after it', 600, ['a.jpg']],
  ['between two files', 1024, ['a.jpg']],
  ['in the second header', 1200, ['a.jpg']],
  ['in the second file', 1540, ['a.jpg']],
  ['before the end', 2048, ['a.jpg', 'b.jpg']],
  ['in the end', 2100, ['a.jpg', 'b.jpg']],
];

test.each(cuts)('cut off %s gives what is whole and a row of its own, to each shard the same', async (_, at, whole) => {
  const file = write('x.tar', tar(A, B).subarray(0, at));
  const expected = [...whole.map((name) => `x.tar/${name}`), 'x.tar'];
  expect((await rows(file)).map(([name]) => name)).toEqual(expected);
  expect((await rows(file)).at(-1)?.[1]).toBe('DECODE_FAILED');
  const shards = await Promise.all([1, 2].map((index) => collect({ inputs: [file], shard: { index, count: 2 } })));
  const paths = shards.flat().sort((a, b) => a.index - b.index);
  expect(paths.map((entry) => entry.path)).toEqual(expected);
});

test('packed and cut off anywhere gives whole files, then a row of its own', async () => {
  const bodies = Array.from({ length: 20 }, (_, i) => createHash('sha512').update(String(i)).digest('hex').repeat(40));
  const packed = gzipSync(tar(...bodies.map((body, i) => ({ name: `${i}.jpg`, body }))));
  for (let at = 2; at < packed.length - 60; at += Math.ceil(packed.length / 25)) {
    const found = await rows(write('x.tgz', packed.subarray(0, at)));
    expect(found.at(-1)).toEqual(['x.tgz', 'DECODE_FAILED']);
    for (const [i, [, body]] of found.slice(0, -1).entries()) expect(body).toBe(bodies[i]);
  }
});

test('packed and damaged gives the same rows however slow they are taken', async () => {
  const bodies = Array.from({ length: 300 }, (_, i) => createHash('sha512').update(String(i)).digest('hex').repeat(20));
  const packed = gzipSync(tar(...bodies.map((body, i) => ({ name: `${i}.jpg`, body }))));
  packed.fill(0xff, packed.length >> 1, (packed.length >> 1) + 200);
  const file = write('x.tgz', packed);
  const fast = await rows(file);
  expect(fast.at(-1)).toEqual(['x.tgz', 'DECODE_FAILED']);
  expect(fast.length).toBeGreaterThan(10);
  const slow: string[] = [];
  for await (const entry of (await find({ inputs: [file] })).files) {
    if (slow.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    slow.push(entry.path);
  }
  expect(slow).toEqual(fast.map(([name]) => name));
});

test('with bytes changed anywhere never does more than give other rows', async () => {
  const whole = tar(A, paxPath('b.jpg'), B, gnuLongName('c.jpg'), { name: 'c', body: 'x'.repeat(1000) });
  for (const packed of [whole, gzipSync(whole)]) {
    for (let at = 0; at < packed.length; at += Math.ceil(packed.length / 150)) {
      const changed = Buffer.from(packed);
      changed.subarray(at, at + 12).fill((at * 37) % 256);
      const outcome = await rows(write('x.tar', changed)).catch((error: Error) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'NO_INPUTS' });
    }
  }
});

test('says that a file is too large without reading it, and goes on', async () => {
  const huge = tarEntry({ name: 'huge.jpg', size: 1024 ** 3 + 1 });
  const file = write('x.tar', Buffer.concat([tarEntry(A), huge]));
  fs.truncateSync(file, 1024 + 512 + 1024 ** 3 + 512);
  fs.appendFileSync(file, Buffer.concat([tarEntry(B), TAR_END]));
  const before = process.memoryUsage().rss;
  expect(await rows(file)).toEqual([
    ['x.tar/a.jpg', 'first'],
    ['x.tar/huge.jpg', 'TOO_LARGE'],
    ['x.tar/b.jpg', 'second'],
  ]);
  expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
});

test('allocates nothing for what a cut archive only claims to have', async () => {
  const file = write('x.tar', tarEntry({ name: 'a.jpg', size: 1024 ** 3 }));
  const before = process.memoryUsage().rss;
  expect(await rows(file)).toEqual([['x.tar', 'DECODE_FAILED']]);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});

test('of thousands of files is never held whole, and closed when the consumer stops', async () => {
  const file = path.join(root, 'shard.tar');
  const archive = fs.openSync(file, 'w');
  for (let i = 0; i < 4000; i += 1) {
    fs.writeSync(archive, tarEntry({ name: `${i}.jpg`, body: Buffer.alloc(100_000, i) }));
  }
  fs.writeSync(archive, TAR_END);
  fs.closeSync(archive);
  const before = process.memoryUsage();
  let count = 0;
  let most = 0;
  for await (const { member } of (await find({ inputs: [file] })).files) {
    expect(member?.size).toBe(100_000);
    count += 1;
    most = Math.max(most, process.memoryUsage().rss - before.rss);
  }
  expect(count).toBe(4000);
  expect(most).toBeLessThan(150e6);

  const open = () => fs.readdirSync('/dev/fd').length;
  const handles = open();
  for (let i = 0; i < 20; i += 1) {
    for await (const _ of (await find({ inputs: [file] })).files) break;
  }
  expect(open()).toBeLessThanOrEqual(handles);
});

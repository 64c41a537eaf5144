import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RangeReader } from '../../../src/output/store/range-reader.js';
import { newFolder, randoms } from './stores.js';

it('gives any bytes of a file, and nothing where it ends before', async () => {
  const file = join(newFolder(), 'a');
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) >> 5));
  writeFileSync(file, bytes);
  const reader = await RangeReader.open(file);
  const random = randoms(4);
  for (let i = 0; i < 200; i += 1) {
    const offset = Math.floor(random() * bytes.length * 1.1);
    const length = 1 + Math.floor(random() ** 3 * 2_000_000);
    const expected = offset + length > bytes.length ? undefined : bytes.subarray(offset, offset + length);
    const found = await reader.read(offset, length);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found?.equals(expected)).toBe(true);
  }
  await reader.close();
});

it('allocates no more than there is, whatever it is asked for', async () => {
  const file = join(newFolder(), 'a');
  writeFileSync(file, 'short');
  const reader = await RangeReader.open(file);
  expect(await reader.read(0, Number.MAX_SAFE_INTEGER)).toBeUndefined();
  expect((await reader.read(0, 5))?.toString()).toBe('short');
  await reader.close();
});

it('reads from more files than a process may have open', async () => {
  const folder = newFolder();
  const names = Array.from({ length: 300 }, (_, i) => join(folder, String(i)));
  for (const [i, name] of names.entries()) writeFileSync(name, `content of ${i}`);
  const readers: RangeReader[] = [];
  for (const name of names) readers.push(await RangeReader.open(name));
  const open = () => readdirSync('/proc/self/fd').length;
  if (process.platform === 'linux') expect(open()).toBeLessThan(290);
  for (const i of [...names.keys()].reverse()) {
    expect((await readers[i]?.read(0, `content of ${i}`.length))?.toString()).toBe(`content of ${i}`);
  }
  for (const reader of readers) await reader.close();
  if (process.platform === 'linux') expect(open()).toBeLessThan(60);
});

it('rejects a file that is not there', async () => {
  await expect(RangeReader.open(join(newFolder(), 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
});

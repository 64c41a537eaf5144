import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashFile, rememberedHash } from '../../../src/models/catalog/file-hash.js';
import { temporaryFolder, write } from '../../formats/files.js';

const folder = temporaryFolder();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('rememberedHash', () => {
  it('takes the hash from the cache until the file changes, and ignores a damaged cache', async () => {
    const cacheDir = join(folder, 'cache');
    const path = write(folder, 'a', 'one');
    expect(await rememberedHash(path, cacheDir)).toBe(sha256('one'));
    const [entry, ...others] = readdirSync(join(cacheDir, 'hashes'));
    expect(others).toEqual([]);
    const place = join(cacheDir, 'hashes', entry as string);

    const planted = 'f'.repeat(64);
    writeFileSync(place, planted);
    expect(await rememberedHash(path, cacheDir)).toBe(planted);
    writeFileSync(place, 'ff');
    expect(await rememberedHash(path, cacheDir)).toBe(sha256('one'));
    write(folder, 'a', 'another');
    expect(await rememberedHash(path, cacheDir)).toBe(sha256('another'));
  });

  it('follows no link that somebody has planted in a shared cache', async () => {
    const cacheDir = join(folder, 'shared');
    const path = write(folder, 'c', 'three');
    const victim = write(folder, 'victim', 'precious');
    await rememberedHash(path, cacheDir);
    const [entry] = readdirSync(join(cacheDir, 'hashes'));
    const place = join(cacheDir, 'hashes', entry as string);
    // The entry itself, and the name that earlier versions wrote before renaming.
    for (const link of [place, `${place}.${process.pid}`]) {
      rmSync(link, { force: true });
      symlinkSync(victim, link);
    }
    expect(await rememberedHash(path, cacheDir)).toBe(sha256('three'));
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readFileSync(place, 'utf8')).toBe(sha256('three'));
    expect(lstatSync(place).isSymbolicLink()).toBe(false);
  });

  it('does without a cache that cannot be written', async () => {
    const path = write(folder, 'b', 'two');
    expect(await rememberedHash(path, join(path, 'no-folder'))).toBe(sha256('two'));
    expect(await hashFile(path)).toBe(sha256('two'));
  });
});

/** What lies where a download's bytes go, in a cache that several users share. */

import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PartialDownload } from '../../../src/models/catalog/partial-download.js';
import { temporaryFolder } from '../../formats/files.js';

const folder = temporaryFolder();
let files = 0;

async function used(path: string): Promise<void> {
  const part = await PartialDownload.open(path, 'sha256');
  try {
    expect(part.bytes).toBe(0);
    await part.begin({ url: 'http://localhost/x', validator: null, total: 3 });
    await part.append(Buffer.from('new'));
    await part.restart();
    await part.append(Buffer.from('new'));
  } finally {
    await part.close();
  }
}

describe('a part', () => {
  it.each<[string, (target: string, path: string) => void]>([
    ['a link', (target, path) => symlinkSync(target, path)],
    ['a second name', (target, path) => linkSync(target, path)],
  ])('replaces %s to another file, which stays as it is', async (_name, plant) => {
    const path = join(folder, `${++files}.partial`);
    const victim = join(folder, `${files}.txt`);
    writeFileSync(victim, 'precious');
    plant(victim, path);
    symlinkSync(victim, `${path}.json.${process.pid}`);
    await used(path);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(lstatSync(path).isFile()).toBe(true);
  });

  it('replaces a pipe without waiting for its other end', async () => {
    const path = join(folder, `${++files}.partial`);
    execFileSync('mkfifo', [path]);
    await used(path);
    expect(lstatSync(path).isFile()).toBe(true);
  });

  it('goes on with what an earlier attempt has left', async () => {
    const path = join(folder, `${++files}.partial`);
    writeFileSync(path, 'ear');
    const part = await PartialDownload.open(path, 'sha256');
    await part.append(Buffer.from('lier'));
    await part.close();
    expect(readFileSync(path, 'utf8')).toBe('earlier');
  });
});

/** sha256 of model files, remembered, because 553 MB take half a second to a second each time. */

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes a read; larger ones do not hash faster. */
const CHUNK_BYTES = 1 << 20;

/** The sha256, or another digest, of a file in hex. */
export async function hashFile(path: string, algorithm = 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * The same, remembered under `cacheDir` for as long as the file's size, inode and times stay as they are. Guards against
 * damage and mix-ups; whoever can write the cache can also write the model.
 */
export async function rememberedHash(path: string, cacheDir: string, algorithm = 'sha256'): Promise<string> {
  const { size, ino, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const folder = join(cacheDir, 'hashes');
  const file = [await realpath(path), size, ino, mtimeNs, ctimeNs];
  const key = createHash('sha256')
    .update([...file, ...(algorithm === 'sha256' ? [] : [algorithm])].join('\n'))
    .digest('hex');
  const place = join(folder, key);
  const known = await readFile(place, 'utf8').catch(() => '');
  const digits = createHash(algorithm).digest('hex').length;
  if (known.length === digits && /^[0-9a-f]+$/.test(known)) return known;
  const hash = await hashFile(path, algorithm);
  // A name that nobody can foresee, and a new file: in a cache that several users share a link planted there would be followed.
  const draft = `${place}.${randomBytes(4).toString('hex')}`;
  // A cache that cannot be written costs time, nothing else.
  await mkdir(folder, { recursive: true })
    .then(() => writeFile(draft, hash, { flag: 'wx' }))
    .then(() => rename(draft, place))
    .catch(() => rm(draft, { force: true }))
    .catch(() => {});
  return hash;
}

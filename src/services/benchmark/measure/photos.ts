/** The images that are measured with: those that were given, or synthetic ones in a temporary folder. */

import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageError } from '../../../errors.js';
import type { ImageList } from '../../../images/list/find.js';
import { samplePhoto } from '../../../images/pixels/sample-photo.js';

import { untilAborted } from '../../../stream.js';
import type { Photo } from './jobs.js';

/** Images of those given that are used, from the first on: a measurement that needs more reads them again. */
const MAX_PHOTOS = 1000;

/** Synthetic images: enough that their bytes differ, few enough to be made in a second. */
const SYNTHETIC_PHOTOS = 8;

export interface Photos {
  readonly kind: 'synthetic' | 'given';
  readonly photos: readonly Photo[];
  /** Of all files. */
  readonly bytes: number;
  /** Removes what was written. */
  readonly remove: () => Promise<void>;
}

/** `images` null: synthetic ones. Ends early when `signal` is aborted. */
export async function openPhotos(images: ImageList | null, signal: AbortSignal): Promise<Photos> {
  const folder = await mkdtemp(join(tmpdir(), 'vgg16-benchmark-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const kind = images === null ? 'synthetic' : 'given';
  try {
    const photos = images === null ? await makePhotos(folder, signal) : await takePhotos(images, folder, signal);
    const sizes = await Promise.all(
      photos.map(({ file }) =>
        stat(Buffer.from(file)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    return { kind, photos, bytes: sizes.reduce((sum, size) => sum + size, 0), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function makePhotos(folder: string, signal: AbortSignal): Promise<Photo[]> {
  const photos: Photo[] = [];
  for (let seed = 0; seed < SYNTHETIC_PHOTOS && !signal.aborted; seed += 1) {
    const path = join(folder, `synthetic-${seed}.jpg`);
    await writeFile(path, await samplePhoto(seed));
    photos.push({ file: Buffer.from(path), path });
  }
  return photos;
}

/** The first of the list. Files in archives are unpacked into `folder`; what is no file is left out. */
async function takePhotos(images: ImageList, folder: string, signal: AbortSignal): Promise<Photo[]> {
  const photos: Photo[] = [];
  for await (const { file, path, index, member, failure } of untilAborted(images.files, signal)) {
    if (member === undefined && failure === undefined) photos.push({ file, path });
    if (member !== undefined && !(member.content instanceof ImageError)) {
      const unpacked = Buffer.from(join(folder, `member-${index}`));
      await writeFile(unpacked, member.content);
      photos.push({ file: unpacked, path });
    }
    if (photos.length === MAX_PHOTOS) break;
  }
  return photos;
}

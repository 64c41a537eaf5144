/** The files of a folder through the tool's decoder and through Pillow, side by side. */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImageError } from '../../src/errors.js';
import { loadImage } from '../../src/images/load.js';
import { python } from '../python.js';

/** The interpreter that runs pillow.py; `undefined` where there is none that can. */
export const PYTHON = python(['PIL', 'numpy']);

const SCRIPT = fileURLToPath(new URL('pillow.py', import.meta.url));

/** torchvision's preset and the default limit of pixels, as in pillow.py. */
const SETTINGS = { resize: 256, crop: 224, autoOrient: true, decode: 'exact', maxPixels: 178_956_970 } as const;
const CROP_BYTES = SETTINGS.crop ** 2 * 3;

interface Entry {
  /** Below the folder. */
  readonly path: string;
  /** By Pillow, where it takes the file for an image. */
  readonly format?: string;
  readonly mode?: string;
  readonly width?: number;
  readonly height?: number;
  /** Why Pillow refuses it. */
  readonly error?: string;
}

export interface Compared extends Entry {
  /** Largest difference of a byte of the crop, of 255; `undefined` unless both decode the file. */
  readonly difference?: number;
  /** The tool's code and sentence where it refuses the file. */
  readonly refused?: string;
}

/** `pixels` is the path of a temporary file. */
export async function compareWithPillow(folder: string, pixels: string): Promise<readonly Compared[]> {
  const printed = execFileSync(PYTHON ?? '', [SCRIPT, folder, pixels], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'], // libtiff warns of each odd tag
  });
  const entries: readonly Entry[] = JSON.parse(printed);
  const file = openSync(pixels, 'r');
  const results: Compared[] = [];
  try {
    for (const entry of entries) {
      const theirs = Buffer.alloc(CROP_BYTES);
      if (entry.error === undefined) readSync(file, theirs, 0, CROP_BYTES, null);
      results.push(await compare(folder, entry, theirs));
    }
  } finally {
    closeSync(file);
  }
  return results;
}

async function compare(folder: string, entry: Entry, theirs: Buffer): Promise<Compared> {
  try {
    const ours = await loadImage(join(folder, entry.path), SETTINGS);
    if (entry.error !== undefined) return entry;
    const sameSize = ours.width === entry.width && ours.height === entry.height;
    const difference = sameSize
      ? theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - (ours.pixels[i] ?? Number.NaN))), 0)
      : 255;
    return { ...entry, difference };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return { ...entry, refused: `${error.code}: ${error.message}` };
  }
}

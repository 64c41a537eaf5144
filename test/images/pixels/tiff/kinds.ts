/** The TIFF files of fixtures/expected/tiff.json, by make_tiff.py there. */

import fs from 'node:fs';
import { openPicture } from '../../../../src/images/pixels/picture.js';
import type { Size } from '../../../../src/images/pixels/rgb/geometry.js';

export interface Picture extends Size {
  /** RGB, row by row. */
  readonly pixels: Uint8Array;
}

export interface Kind {
  readonly name: string;
  readonly file: Buffer;
  /** What Pillow makes of it: RGB, upright. */
  readonly picture?: Picture;
  /** Words of the error with which it is refused. */
  readonly refused?: string;
}

interface Entry {
  readonly name: string;
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly pixels?: string;
  readonly refused?: string;
}

const entries: Entry[] = JSON.parse(
  fs.readFileSync(new URL('../../../../fixtures/expected/tiff.json', import.meta.url), 'utf8'),
);

const kinds: Kind[] = entries.map(({ name, file, width, height, pixels, refused }) => ({
  name,
  file: Buffer.from(file, 'base64'),
  ...(pixels === undefined ? {} : { picture: { width, height, pixels: Buffer.from(pixels, 'base64') } }),
  ...(refused === undefined ? {} : { refused }),
}));

export const readable = kinds.filter((kind): kind is Kind & { picture: Picture } => kind.picture !== undefined);
export const refused = kinds.filter((kind): kind is Kind & { refused: string } => kind.refused !== undefined);

export function kindOf(name: string): Kind & { picture: Picture } {
  const kind = readable.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(`there is no file of the kind ${name}`);
  return kind;
}

/** All pixels of a file, upright. */
export async function decode(file: Buffer): Promise<Picture> {
  const { width, height, rgb } = await openPicture(file, 'tiff', { autoOrient: true, maxPixels: 1e9 });
  return { width, height, pixels: await rgb({ left: 0, top: 0, width, height }) };
}

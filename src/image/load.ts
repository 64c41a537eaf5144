/** One image from a path to the pixels that the network sees. */

import { ImageError } from '../errors.js';
import { type DecodedImage, type DecodeOptions, decodeImage } from './decode.js';
import { sniff } from './format.js';
import { readImageFile } from './read.js';

export type { DecodeMode } from './decode.js';
export type LoadOptions = DecodeOptions;
/** Width and height are those of the whole image, decoded and turned upright where that was asked for. */
export type LoadedImage = DecodedImage;

/** @throws ImageError saying in one sentence what was expected and what came. */
export async function loadImage(file: Buffer | string, options: LoadOptions): Promise<LoadedImage> {
  const bytes = await readImageFile(file);
  const kind = sniff(bytes);
  if ('other' in kind) {
    throw new ImageError(
      'UNSUPPORTED_FORMAT',
      `Expected JPEG, PNG, WebP, GIF, TIFF or AVIF but received ${kind.other}.`,
    );
  }
  return decodeImage(bytes, kind.format, options);
}

/** One image from a path, or from an archive, to the pixels that the network sees. */

import { ImageError } from '../errors.js';
import { describeImage, type ImageDetails } from './facts/describe.js';
import { emptyError, type Look, readImageFile } from './files/read.js';
import type { ImageFile } from './list/find.js';
import { type DecodedImage, type DecodeOptions, decodeImage } from './pixels/decode.js';
import { checkLargeTiff } from './pixels/tiff/peek.js';
import { FORMAT_NAMES, sniff } from './sniff/sniff.js';

export type { ImageDetails } from './facts/describe.js';
export type { DecodeMode } from './pixels/decode.js';

/** `JPEG, PNG … or BMP`. */
const DECODED = Object.values(FORMAT_NAMES)
  .join(', ')
  .replace(/, (\w+)$/, ' or $1');

export interface LoadOptions extends DecodeOptions {
  /** Give `details` of the file too; false unless said. */
  readonly describe?: boolean;
}

/** Width and height are those of the whole image, decoded and turned upright where that was asked for. */
export interface LoadedImage extends DecodedImage {
  /** Where `describe` asks for them. */
  readonly details?: ImageDetails;
}

/** A path, or an entry of an `ImageList`. */
export type ImageSource = Buffer | string | Pick<ImageFile, 'file' | 'member' | 'failure'>;

/** An image or the reason why there is none; `details` where they were asked for and there were bytes to describe. */
export type LoadOutcome = { readonly details: ImageDetails | null } & (
  | { readonly image: LoadedImage; readonly error?: never }
  | { readonly error: ImageError; readonly image?: never }
);

/** @throws ImageError saying in one sentence what was expected and what came. */
export async function loadImage(source: ImageSource, options: LoadOptions): Promise<LoadedImage> {
  const { image, error } = await loadWithDetails(source, options);
  if (error !== undefined) throw error;
  return image;
}

/** Like `loadImage`, but an image that fails is a value, with the details of its file. The file is read once. */
export async function loadWithDetails(source: ImageSource, options: LoadOptions): Promise<LoadOutcome> {
  let details: ImageDetails | null = null;
  try {
    const bytes = await bytesOf(source, options);
    if (options.describe === true) details = await describeImage(bytes);
    const image = await decodeBytes(bytes, options);
    return { details, image: details === null ? image : { ...image, details } };
  } catch (error) {
    if (error instanceof ImageError) return { details, error };
    throw error;
  }
}

async function bytesOf(source: ImageSource, { describe, maxPixels }: LoadOptions): Promise<Buffer> {
  // A file that is to be described is read in any case.
  const look: Look | undefined =
    describe === true ? undefined : (handle, size) => checkLargeTiff(handle, size, maxPixels);
  if (typeof source === 'string' || Buffer.isBuffer(source)) return readImageFile(source, look);
  if (source.failure !== undefined) throw source.failure;
  if (source.member === undefined) return readImageFile(source.file, look);
  const { content } = source.member;
  if (content instanceof ImageError) throw content;
  if (content.length === 0) throw emptyError('an image');
  return content;
}

async function decodeBytes(bytes: Buffer, options: LoadOptions): Promise<DecodedImage> {
  const kind = sniff(bytes);
  if ('other' in kind) {
    throw new ImageError('UNSUPPORTED_FORMAT', `Expected ${DECODED} but received ${kind.other}.`);
  }
  return decodeImage(bytes, kind.format, options);
}

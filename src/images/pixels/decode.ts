/** Encoded bytes to RGB pixels. */

import type { Region, Sharp } from 'sharp';
import { ImageError } from '../../errors.js';
import { FORMAT_NAMES, type PhotoFormat } from '../sniff/sniff.js';
import { opaqueRgb, openPicture, type Picture, type PictureOptions } from './picture.js';
import { bestPasses, resample } from './resample/resample.js';
import { sourceRange, tapsOf } from './resample/taps.js';
import { cropOffset, resizedSize, type Size } from './rgb/geometry.js';
import { checkSize } from './rgb/limits.js';

export type DecodeMode = 'exact' | 'fast';

export interface DecodeOptions extends PictureOptions {
  /** Length of the shorter side before the crop, in pixels. */
  readonly resize: number;
  /** Side of the centred square, in pixels; at most `resize`. */
  readonly crop: number;
  /** `fast` lets libjpeg and libwebp shrink while they decode, which changes pixels slightly. */
  readonly decode: DecodeMode;
}

export interface DecodedImage extends Size {
  /** `crop` × `crop` RGB pixels, row by row. */
  readonly pixels: Uint8Array;
}

/**
 * Decodes, resizes and crops as Pillow and torchvision do; transparency is laid over white.
 *
 * @throws ImageError TOO_LARGE before any pixel is decoded; UNSUPPORTED_FORMAT for a kind of the format that is not decoded;
 *   DECODE_FAILED for data that is damaged or cut off, whether the crop needs it or not.
 */
export async function decodeImage(bytes: Buffer, format: PhotoFormat, options: DecodeOptions): Promise<DecodedImage> {
  // Outside of what follows, whose errors are taken for those of the image.
  bestPasses();
  try {
    const picture = await openPicture(bytes, format, options);
    const { width, height } = picture;
    checkSize(picture, options.maxPixels);
    await picture.verify?.();
    return { pixels: await cropped(picture, options), width, height };
  } catch (error) {
    throw error instanceof ImageError ? error : damaged(format, error);
  }
}

function cropped(picture: Picture, options: DecodeOptions): Promise<Uint8Array> {
  const { width, height, reducible } = picture;
  const enlarging = Math.min(width, height) < options.resize;
  return reducible === undefined || enlarging || options.decode === 'exact'
    ? exactCrop(picture, options)
    : fastCrop(reducible, picture, options);
}

/** libvips's triangle filter after shrinking on load: 0.2 of 255 from Pillow on average, up to 0.9 for large photos. */
async function fastCrop(image: Sharp, size: Size, { resize, crop }: DecodeOptions): Promise<Uint8Array> {
  const target = resizedSize(size, resize);
  const region: Region = {
    left: cropOffset(target.width, crop),
    top: cropOffset(target.height, crop),
    width: crop,
    height: crop,
  };
  return opaqueRgb(image.resize({ ...target, fit: 'fill', kernel: 'linear' }).extract(region), region);
}

/** Pillow's own arithmetic on the part of the image that the crop needs. */
async function exactCrop(picture: Picture, { resize, crop }: DecodeOptions): Promise<Uint8Array> {
  const target = resizedSize(picture, resize);
  const taps = (from: number, to: number) => tapsOf({ from, to, offset: cropOffset(to, crop), length: crop });
  const across = taps(picture.width, target.width);
  const down = taps(picture.height, target.height);
  const [columns, rows] = [sourceRange(across), sourceRange(down)];
  const region: Region = {
    left: columns.start,
    top: rows.start,
    width: columns.end - columns.start,
    height: rows.end - rows.start,
  };
  return resample(await picture.rgb(region), across, down, bestPasses());
}

/**
 * Without libvips's own message, which is only the cause: its buffer of errors is shared by all threads, so that images
 * which fail at the same time take each other's, and the same images would give other rows in the next run.
 */
function damaged(format: PhotoFormat, error: unknown): ImageError {
  return new ImageError(
    'DECODE_FAILED',
    `Expected a whole ${FORMAT_NAMES[format]} but its data is damaged or cut off.`,
    error,
  );
}

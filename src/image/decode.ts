/** Encoded bytes to RGB pixels. */

import sharp, { type Metadata, type Region, type Sharp, type SharpOptions } from 'sharp';
import { ImageError } from '../errors.js';
import { bmpSize, decodeBmp } from './bmp.js';
import { FORMAT_NAMES, type PhotoFormat } from './format.js';
import { CHANNELS, cropOffset, resizedSize, type Size } from './geometry.js';
import type { EmbeddedBlocks } from './metadata/embedded.js';
import { isHeifCropped } from './metadata/heif.js';
import { type Orientation, remainingTurn, turned, turnedSize } from './orientation.js';
import { resample } from './resample.js';
import { sourceSpan } from './taps.js';

export type DecodeMode = 'exact' | 'fast';

export interface DecodeOptions {
  /** Length of the shorter side before the crop, in pixels. */
  readonly resize: number;
  /** Side of the centred square, in pixels; at most `resize`. */
  readonly crop: number;
  /** Turn the image as its EXIF or XMP says. torchvision and Keras do not, but Pillow turns a TIFF for them all the same. */
  readonly autoOrient: boolean;
  /** `fast` lets libjpeg and libwebp shrink while they decode, which changes pixels slightly. */
  readonly decode: DecodeMode;
  /** Largest width × height that is decoded. */
  readonly maxPixels: number;
}

export interface DecodedImage extends Size {
  /** `crop` × `crop` RGB pixels, row by row. */
  readonly pixels: Uint8Array;
}

// Images are decoded several at a time by the caller; libvips's own threads and cache would only get in the way.
sharp.concurrency(1);
sharp.cache(false);

// Photos only, from memory: no SVG, PDF, ImageMagick, raw floats, HDR gain maps …
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadTiffBuffer',
    'VipsForeignLoadHeifBuffer',
  ],
});

/**
 * Decodes, resizes and crops as Pillow and torchvision do; transparency is laid over white.
 *
 * @throws ImageError TOO_LARGE before any pixel is decoded; DECODE_FAILED for damaged data.
 */
export async function decodeImage(bytes: Buffer, format: PhotoFormat, options: DecodeOptions): Promise<DecodedImage> {
  try {
    if (format === 'bmp') return await decodeBitmap(bytes, options);
    const input: SharpOptions = {
      // Colour profiles are ignored, as Pillow does. Cut-off and corrupt data fail; mere warnings do not.
      ignoreIcc: true,
      failOn: 'error',
      limitInputPixels: false,
    };
    const metadata = await sharp(bytes, input).metadata();
    if (format === 'avif' && isHeifCropped(bytes)) throw croppedAvif();
    const turn = remainingTurn(bytes, format, metadata, options.autoOrient);
    const size = turnedSize(metadata, turn);
    checkSize(size, options.maxPixels);
    const image = await openImage(bytes, input, metadata, turn);
    return { pixels: await cropped(image, size, options), ...size };
  } catch (error) {
    throw error instanceof ImageError ? error : damaged(format, error);
  }
}

/** libvips does not read BMP: its pixels come from elsewhere, and have no orientation. */
async function decodeBitmap(bytes: Buffer, options: DecodeOptions): Promise<DecodedImage> {
  checkSize(bmpSize(bytes), options.maxPixels);
  const { data, width, height, channels } = decodeBmp(bytes);
  const image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  const size = { width, height };
  return { pixels: await cropped(channels === 4 ? await overWhite(image) : image, size, options), ...size };
}

/** What libvips finds in an AVIF. Nothing where the image is damaged before it. */
export async function avifBlocks(bytes: Buffer): Promise<EmbeddedBlocks> {
  try {
    return await sharp(bytes, { failOn: 'none', limitInputPixels: false }).metadata();
  } catch {
    return {};
  }
}

/** libheif cannot be told to leave the crop out, and Pillow has no way to apply it. */
function croppedAvif(): ImageError {
  return new ImageError('UNSUPPORTED_FORMAT', 'Expected an AVIF as it is stored but received one with a crop (clap).');
}

function checkSize({ width, height }: Size, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new ImageError(
    'TOO_LARGE',
    `Expected at most ${maxPixels} pixels but the image has ${width}x${height} = ${width * height}.`,
  );
}

/** The image as an RGB pipeline of sharp, turned as it is to be looked at. */
async function openImage(bytes: Buffer, input: SharpOptions, metadata: Metadata, turn: Orientation): Promise<Sharp> {
  const image = turned(sharp(bytes, input), turn, metadata.orientation);
  if (metadata.space === 'cmyk') return rgbFromCmyk(image);
  return metadata.hasAlpha ? overWhite(image) : image;
}

/**
 * Pillow's `cmyk2rgb` (src/libImaging/Convert.c) instead of libvips's colour-managed conversion, which gives other
 * colours. Inks are bytes, 255 for full ink.
 */
async function rgbFromCmyk(image: Sharp): Promise<Sharp> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const pixels = new Uint8Array(width * height * CHANNELS);
  for (let from = 0, to = 0; to < pixels.length; from += channels, to += CHANNELS) {
    const white = 255 - (data[from + 3] as number);
    for (let c = 0; c < CHANNELS; c += 1) {
      pixels[to + c] = Math.max(0, white - divideBy255((data[from + c] as number) * white));
    }
  }
  return sharp(pixels, { raw: { width, height, channels: CHANNELS }, limitInputPixels: false });
}

/** Pillow's `alpha_composite` over opaque white (src/libImaging/AlphaComposite.c). */
async function overWhite(image: Sharp): Promise<Sharp> {
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const pixels = new Uint8Array(width * height * CHANNELS);
  for (let from = 0, to = 0; to < pixels.length; from += channels, to += CHANNELS) {
    const alpha = data[from + CHANNELS] as number;
    const white = 255 * (255 - alpha);
    for (let c = 0; c < CHANNELS; c += 1) {
      pixels[to + c] = divideBy255((data[from + c] as number) * alpha + white);
    }
  }
  return sharp(pixels, { raw: { width, height, channels: CHANNELS }, limitInputPixels: false });
}

/** Pillow's `MULDIV255` for a product of two bytes. */
function divideBy255(product: number): number {
  const rounded = product + 128;
  return ((rounded >> 8) + rounded) >> 8;
}

function cropped(image: Sharp, size: Size, options: DecodeOptions): Promise<Uint8Array> {
  const enlarging = Math.min(size.width, size.height) < options.resize;
  return enlarging || options.decode === 'exact' ? exactCrop(image, size, options) : fastCrop(image, size, options);
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
  return rgb(image.resize({ ...target, fit: 'fill', kernel: 'linear' }).extract(region), region);
}

/** Pillow's own arithmetic on the part of the image that the crop needs. */
async function exactCrop(image: Sharp, size: Size, { resize, crop }: DecodeOptions): Promise<Uint8Array> {
  const target = resizedSize(size, resize);
  const axis = (from: number, to: number) => ({ from, to, offset: cropOffset(to, crop), length: crop });
  const x = axis(size.width, target.width);
  const y = axis(size.height, target.height);
  const [columns, rows] = [sourceSpan(x), sourceSpan(y)];
  const region: Region = {
    left: columns.start,
    top: rows.start,
    width: columns.end - columns.start,
    height: rows.end - rows.start,
  };
  return resample(await rgb(image.extract(region), region), x, y);
}

async function rgb(image: Sharp, { width, height }: Size): Promise<Uint8Array> {
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  if (info.width !== width || info.height !== height || info.channels !== CHANNELS) {
    throw new Error(`received ${info.width}x${info.height} pixels of ${info.channels} channels`);
  }
  return data;
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

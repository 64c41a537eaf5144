/** Encoded bytes to RGB pixels. */

import sharp, { type Metadata, type Region, type Sharp, type SharpOptions } from 'sharp';
import { ImageError } from '../errors.js';
import { asStillAvif } from './avif.js';
import { bmpSize, decodeBmp } from './bmp.js';
import { overWhite, rgbFromCmyk } from './composite.js';
import { FORMAT_NAMES, type PhotoFormat } from './format.js';
import { CHANNELS, cropOffset, resizedSize, type Size } from './geometry.js';
import { openGif } from './gif.js';
import { inspectJpeg } from './jpeg.js';
import type { EmbeddedBlocks } from './metadata/embedded.js';
import { isHeifCropped } from './metadata/heif.js';
import { remainingTurn, turned, turnedSize } from './orientation.js';
import { checkPngChunks } from './png.js';
import { resample } from './resample.js';
import { sourceSpan } from './taps.js';
import { isOpaqueAnimation } from './webp.js';

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
 * Colour profiles are ignored, as Pillow does. Cut-off and corrupt data fail; mere warnings do not. The limit of pixels is
 * `maxPixels`, not sharp's own.
 */
const INPUT: SharpOptions = { ignoreIcc: true, failOn: 'error', limitInputPixels: false };

/** A file whose pixels are not decoded yet. Width and height are upright where that was asked for. */
interface Picture extends Size {
  /** Rejects where the file was cut off, in rows that `rgb` may not come to. */
  readonly verify?: () => Promise<void>;
  /** RGB pixels of a part, over white. Rejects where they are damaged. */
  readonly rgb: (region: Region) => Promise<Uint8Array>;
  /** All of it for libvips to reduce, where its decoder can do a part of that work itself. */
  readonly reducible?: Sharp;
}

/** What the bytes of a decoded pixel are. */
type Layout = 'opaque' | 'translucent' | 'cmyk';

/**
 * Decodes, resizes and crops as Pillow and torchvision do; transparency is laid over white.
 *
 * @throws ImageError TOO_LARGE before any pixel is decoded; UNSUPPORTED_FORMAT for a kind of the format that is not decoded;
 *   DECODE_FAILED for data that is damaged or cut off, whether the crop needs it or not.
 */
export async function decodeImage(bytes: Buffer, format: PhotoFormat, options: DecodeOptions): Promise<DecodedImage> {
  try {
    const picture = await openPicture(bytes, format, options.autoOrient);
    const { width, height } = picture;
    checkSize(picture, options.maxPixels);
    await picture.verify?.();
    return { pixels: await cropped(picture, options), width, height };
  } catch (error) {
    throw error instanceof ImageError ? error : damaged(format, error);
  }
}

/** What libvips finds in an AVIF. Nothing where the image is damaged before it. */
export async function avifBlocks(bytes: Buffer): Promise<EmbeddedBlocks> {
  try {
    return await sharp(asStillAvif(bytes), { failOn: 'none', limitInputPixels: false }).metadata();
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

async function openPicture(bytes: Buffer, format: PhotoFormat, autoOrient: boolean): Promise<Picture> {
  switch (format) {
    case 'gif':
      return openGif(bytes);
    case 'bmp':
      return openBitmap(bytes);
    default:
      return await openWithLibvips(bytes, format, autoOrient);
  }
}

/** libvips does not read BMP: its pixels come from elsewhere, and have no orientation. */
function openBitmap(bytes: Buffer): Picture {
  return {
    ...bmpSize(bytes),
    rgb: async (region) => {
      const { data, width, height, channels } = decodeBmp(bytes);
      const image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
      return rgbOf(image, region, channels === CHANNELS ? 'opaque' : 'translucent');
    },
  };
}

async function openWithLibvips(bytes: Buffer, format: PhotoFormat, autoOrient: boolean): Promise<Picture> {
  const jpeg = format === 'jpeg' ? inspectJpeg(bytes) : undefined;
  if (format === 'png') checkPngChunks(bytes);
  if (format === 'avif' && isHeifCropped(bytes)) throw croppedAvif();
  const encoded = format === 'avif' ? asStillAvif(bytes) : bytes;
  const metadata = await sharp(encoded, INPUT).metadata();
  const turn = remainingTurn(bytes, format, metadata, autoOrient);
  const image = turned(sharp(encoded, INPUT), turn, metadata.orientation);
  const { width, height } = turnedSize(metadata, turn);
  const rgb =
    metadata.hasAlpha && format === 'webp' && isOpaqueAnimation(bytes)
      ? (region: Region) => rgbOf(image.removeAlpha(), region, 'opaque')
      : (region: Region) => rgbOf(image, region, layoutOf(metadata));
  const shrinks = format === 'webp' || jpeg?.lossless === false;
  return {
    width,
    height,
    ...(jpeg?.whole === false ? { verify: () => decodeToEnd(encoded, metadata) } : {}),
    rgb: format === 'png' && turn === 1 ? (region) => withRowsBelow(rgb, region, height) : rgb,
    ...(shrinks && layoutOf(metadata) === 'opaque' ? { reducible: image } : {}),
  };
}

function layoutOf({ space, hasAlpha }: Metadata): Layout {
  if (space === 'cmyk') return 'cmyk';
  return hasAlpha ? 'translucent' : 'opaque';
}

/** Decodes every row and keeps one pixel. */
async function decodeToEnd(bytes: Buffer, { width, height }: Size): Promise<void> {
  const last: Region = { left: width - 1, top: height - 1, width: 1, height: 1 };
  await sharp(bytes, INPUT).extract(last).raw().toBuffer();
}

/** The rows below the region are decoded too, for whether a PNG is whole shows in no other way. */
async function withRowsBelow(rgb: Picture['rgb'], region: Region, height: number): Promise<Uint8Array> {
  const pixels = await rgb({ ...region, height: height - region.top });
  return pixels.subarray(0, region.width * region.height * CHANNELS);
}

async function rgbOf(image: Sharp, region: Region, layout: Layout): Promise<Uint8Array> {
  const part = image.extract(region);
  if (layout === 'opaque') return opaqueRgb(part, region);
  const converted =
    layout === 'cmyk' ? part.pipelineColourspace('cmyk').toColourspace('cmyk') : part.toColourspace('srgb');
  const { data, info } = await converted.raw().toBuffer({ resolveWithObject: true });
  return layout === 'cmyk' ? rgbFromCmyk(data, info.channels) : overWhite(data, info.channels);
}

async function opaqueRgb(image: Sharp, { width, height }: Size): Promise<Uint8Array> {
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  if (info.width !== width || info.height !== height || info.channels !== CHANNELS) {
    throw new Error(`received ${info.width}x${info.height} pixels of ${info.channels} channels`);
  }
  return data;
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
  const axis = (from: number, to: number) => ({ from, to, offset: cropOffset(to, crop), length: crop });
  const x = axis(picture.width, target.width);
  const y = axis(picture.height, target.height);
  const [columns, rows] = [sourceSpan(x), sourceSpan(y)];
  const region: Region = {
    left: columns.start,
    top: rows.start,
    width: columns.end - columns.start,
    height: rows.end - rows.start,
  };
  return resample(await picture.rgb(region), x, y);
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

/** A file whose pixels are still to be decoded: one way to its pixels for each format, by libvips where that is Pillow's. */

import sharp, { type Metadata, type Region, type Sharp, type SharpOptions } from 'sharp';
import { ImageError } from '../../errors.js';
import type { EmbeddedBlocks } from '../metadata/blocks.js';
import { isHeifCropped } from '../metadata/heif.js';
import type { PhotoFormat } from '../sniff/sniff.js';
import { asStillAvif } from './formats/avif.js';
import { bmpSize, decodeBmp } from './formats/bmp.js';
import { openGif } from './formats/gif.js';
import { inspectJpeg } from './formats/jpeg.js';
import { checkPngChunks } from './formats/png.js';
import { isOpaqueAnimation } from './formats/webp.js';
import { setUpLibvips } from './libvips.js';
import { remainingTurn, turned, turnedSize } from './orientation.js';
import { rgbFromCmyk, rgbFromRgba } from './rgb/composite.js';
import { CHANNELS, type Size } from './rgb/geometry.js';
import { checkSize } from './rgb/limits.js';
import { decodeTiff } from './tiff/decode.js';
import { readLayout } from './tiff/layout.js';

/**
 * Colour profiles are ignored, as Pillow does. Cut-off and corrupt data fail; mere warnings do not. The limit of pixels is
 * `maxPixels`, not sharp's own.
 */
const INPUT: SharpOptions = { ignoreIcc: true, failOn: 'error', limitInputPixels: false };

/** A file whose pixels are not decoded yet. Width and height are upright where that was asked for. */
export interface Picture extends Size {
  /** Rejects where the file was cut off, in rows that `rgb` may not come to. */
  readonly verify?: () => Promise<void>;
  /** RGB pixels of a part, over white. Rejects where they are damaged. */
  readonly rgb: (region: Region) => Promise<Uint8Array>;
  /** All of it for libvips to reduce, where its decoder can do a part of that work itself. */
  readonly reducible?: Sharp;
}

export interface PictureOptions {
  /** Turn the image as its EXIF or XMP says. torchvision and Keras do not, but Pillow turns a TIFF for them all the same. */
  readonly autoOrient: boolean;
  /** Largest width × height that is decoded. */
  readonly maxPixels: number;
}

/** What the bytes of a decoded pixel are. */
type Layout = 'opaque' | 'translucent' | 'cmyk';

/**
 * @throws ImageError TOO_LARGE before any pixel is decoded, UNSUPPORTED_FORMAT for a kind of the format that is not decoded;
 *   Error of libvips for damaged data.
 */
export async function openPicture(bytes: Buffer, format: PhotoFormat, options: PictureOptions): Promise<Picture> {
  setUpLibvips();
  switch (format) {
    case 'gif':
      return openGif(bytes);
    case 'bmp':
      return openBitmap(bytes);
    case 'tiff':
      return openTiffPicture(bytes, options);
    default:
      return await openWithLibvips(bytes, format, options.autoOrient);
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

/** libvips decodes only the strips and tiles of a TIFF: what their samples stand for is Pillow's to say, not libvips's. */
function openTiffPicture(bytes: Buffer, { autoOrient, maxPixels }: PictureOptions): Picture {
  const layout = readLayout(bytes);
  const { width, height } = layout;
  checkSize(layout, maxPixels);
  // A tile may be larger than its image.
  checkSize(layout.grid, maxPixels, 'a tile');
  const turn = remainingTurn(bytes, 'tiff', {}, autoOrient);
  return {
    ...turnedSize(layout, turn),
    rgb: async (region) => {
      if (turn === 1) return decodeTiff(bytes, layout, region);
      const pixels = await decodeTiff(bytes, layout, { left: 0, top: 0, width, height });
      const stored = sharp(pixels, { raw: { width, height, channels: CHANNELS }, limitInputPixels: false });
      return rgbOf(turned(stored, turn), region, 'opaque');
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

/** What libvips finds in an AVIF. Nothing where the image is damaged before it. */
export async function avifBlocks(bytes: Buffer): Promise<EmbeddedBlocks> {
  setUpLibvips();
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

async function rgbOf(image: Sharp, region: Region, layout: Layout): Promise<Uint8Array> {
  const part = image.extract(region);
  if (layout === 'opaque') return opaqueRgb(part, region);
  const converted =
    layout === 'cmyk' ? part.pipelineColourspace('cmyk').toColourspace('cmyk') : part.toColourspace('srgb');
  const { data, info } = await converted.raw().toBuffer({ resolveWithObject: true });
  return layout === 'cmyk' ? rgbFromCmyk(data, info.channels) : rgbFromRgba(data, info.channels);
}

/** What a pipeline gives, which is to have the size that was asked for. */
export async function opaqueRgb(image: Sharp, { width, height }: Size): Promise<Uint8Array> {
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  if (info.width !== width || info.height !== height || info.channels !== CHANNELS) {
    throw new Error(`received ${info.width}x${info.height} pixels of ${info.channels} channels`);
  }
  return data;
}

/** What the first directory of a TIFF file says about its pixels: where they are, and how they are to be read. */

import { ImageError } from '../../../errors.js';
import { type TiffDirectory, wholeDirectory } from '../../ifd/directory.js';
import type { Size } from '../rgb/geometry.js';
import { type Colours, coloursOf } from './colours.js';
import { COMPRESSION_NAMES, Compression, isCcitt, Photometric, SampleFormat, Tag } from './tags.js';

export interface TiffLayout extends Size {
  readonly bigEndian: boolean;
  readonly compression: number;
  /** Of the differences between neighbours: 1 none, 2 of whole numbers, 3 of floating-point numbers. */
  readonly predictor: number;
  /** 2: the first pixel of a byte is in its lowest bit. */
  readonly fillOrder: number;
  readonly colours: Colours;
  /** 1: the samples of a pixel stand side by side; otherwise each has a plane of its own, one after the other. */
  readonly planes: number;
  readonly grid: Grid;
  /** What the decoder of the compression needs besides, as the file has it. */
  readonly codecTags: readonly (readonly [tag: number, values: readonly number[]])[];
  readonly jpegTables: Uint8Array | undefined;
}

/** How the image is cut into segments: tiles, or strips, which are as wide as the image. */
export interface Grid extends Size {
  /** Whether the last segments go on beyond the image. Strips end with it. */
  readonly padded: boolean;
  readonly across: number;
  readonly down: number;
  /** In bytes from the start of the file; row by row, plane by plane. */
  readonly offsets: readonly number[];
  /** Encoded bytes of each segment; empty where nothing is encoded, because its size says how many there are. */
  readonly counts: readonly number[];
}

/** Those whose result is the stored bytes of a segment, whatever they stand for. */
const BYTEWISE: ReadonlySet<number> = new Set([
  Compression.None,
  Compression.Lzw,
  Compression.Deflate,
  Compression.OldDeflate,
  Compression.PackBits,
]);

/** Strips and tiles of a file: more than a picture of a billion pixels has in the smallest tiles, 16 x 16. */
const MAX_SEGMENTS = 4 * 1024 * 1024;

/** Of the tables that JPEG tiles share: those that there can be have 3 kB, the rest is comments. */
const MAX_TABLE_BYTES = 1024 * 1024;

/** Of the bytewise ones, those that may store differences. */
const WITH_PREDICTOR: ReadonlySet<number> = new Set([Compression.Lzw, Compression.Deflate, Compression.OldDeflate]);

/**
 * @throws ImageError UNSUPPORTED_FORMAT for what Pillow refuses, or misreads, or what has a compression that is not read;
 *   Error where the directory is damaged.
 */
export function readLayout(file: Uint8Array): TiffLayout {
  const directory = wholeDirectory(file);
  const width = directory.number(Tag.ImageWidth) ?? 0;
  const height = directory.number(Tag.ImageLength) ?? 0;
  if (width <= 0 || height <= 0) throw new Error('the directory has no size of the image');
  const compression = compressionOf(directory);
  const planar = directory.number(Tag.PlanarConfiguration) === 2;
  const colours = coloursOf(directory, { compression, planar });
  const planes = planar ? colours.samples : 1;
  return {
    width,
    height,
    bigEndian: directory.bigEndian,
    compression,
    predictor: predictorOf(directory, compression, colours),
    fillOrder: directory.number(Tag.FillOrder) ?? 1,
    colours,
    planes,
    grid: gridOf(directory, file.length, { width, height }, planes, compression),
    codecTags: codecTagsOf(directory, compression),
    jpegTables: compression === Compression.Jpeg ? directory.bytes(Tag.JpegTables, MAX_TABLE_BYTES) : undefined,
  };
}

function compressionOf(directory: TiffDirectory): number {
  const compression = directory.number(Tag.Compression) ?? Compression.None;
  if (BYTEWISE.has(compression) || isCcitt(compression) || compression === Compression.Jpeg) return compression;
  const name = COMPRESSION_NAMES.get(compression);
  throw new ImageError(
    'UNSUPPORTED_FORMAT',
    'Expected a TIFF with LZW, Deflate, PackBits, JPEG, CCITT or no compression but received a TIFF with ' +
      `${name === undefined ? `compression ${compression}` : `${name} compression`}.`,
  );
}

function predictorOf(directory: TiffDirectory, compression: number, { bits, format, subsampling }: Colours): number {
  const predictor = WITH_PREDICTOR.has(compression) ? (directory.number(Tag.Predictor) ?? 1) : 1;
  const isKnown =
    predictor === 1 ||
    (predictor === 2 && bits >= 8 && subsampling.every((pixels) => pixels === 1)) ||
    (predictor === 3 && format === SampleFormat.Float);
  if (isKnown) return predictor;
  throw new ImageError(
    'UNSUPPORTED_FORMAT',
    `Expected a TIFF with predictor 1, 2 for whole bytes or 3 for floating point but received predictor ${predictor}.`,
  );
}

function gridOf(directory: TiffDirectory, fileBytes: number, image: Size, planes: number, compression: number): Grid {
  const strips = directory.has(Tag.StripOffsets);
  if (strips === directory.has(Tag.TileWidth)) throw new Error('the directory has not either strips or tiles');
  const rows = Math.min(directory.number(Tag.RowsPerStrip) ?? image.height, image.height);
  const width = strips ? image.width : (directory.number(Tag.TileWidth) ?? 0);
  const height = strips ? rows : (directory.number(Tag.TileLength) ?? 0);
  if (width <= 0 || height <= 0) throw new Error('the directory has no size of the strips or tiles');
  const [across, down] = [Math.ceil(image.width / width), Math.ceil(image.height / height)];
  const needed = across * down * planes;
  if (needed > MAX_SEGMENTS) throw new Error(`there are ${needed} strips or tiles`);
  const read = (tag: number) => {
    const values = directory.numbers(tag, needed) ?? [];
    if (values.length < needed) throw new Error(`${values.length} of ${needed} strips or tiles are in the directory`);
    return values;
  };
  const offsetTag = strips ? Tag.StripOffsets : Tag.TileOffsets;
  const offsets = read(offsetTag);
  const countTag = strips ? Tag.StripByteCounts : Tag.TileByteCounts;
  const isEncoded = compression !== Compression.None;
  // Pillow takes what there is too much for other planes.
  if (!isEncoded && directory.count(offsetTag) !== needed) throw new Error('there are too many strips or tiles');
  // As for libtiff, one strip of an unknown length ends with the file.
  const isOpenEnded = isEncoded && needed === 1 && (directory.numbers(countTag, 1)?.[0] ?? 0) === 0;
  const encoded = () => (isOpenEnded ? [fileBytes - (offsets[0] as number)] : read(countTag));
  return {
    padded: !strips,
    width,
    height,
    across,
    down,
    offsets,
    counts: isEncoded ? encoded() : [],
  };
}

function codecTagsOf(directory: TiffDirectory, compression: number): TiffLayout['codecTags'] {
  const tags = new Map<number, readonly number[]>([
    [Compression.CcittGroup3, [Tag.Group3Options]],
    [Compression.CcittGroup4, [Tag.Group4Options]],
  ]).get(compression);
  const isYcbcrJpeg = compression === Compression.Jpeg && directory.number(Tag.Photometric) === Photometric.Ycbcr;
  return [...(tags ?? []), ...(isYcbcrJpeg ? [Tag.YcbcrSubsampling] : [])].flatMap((tag) => {
    const values = directory.numbers(tag, 2);
    return values === undefined ? [] : [[tag, values] as const];
  });
}

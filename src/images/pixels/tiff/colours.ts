/**
 * What the samples of a TIFF file stand for. Pillow's table `OPEN_INFO` (src/PIL/TiffImagePlugin.py) as rules: what is
 * not in it is refused by name, and so is the little that Pillow reads as another picture than the one that was stored.
 */

import { ImageError } from '../../../errors.js';
import type { TiffDirectory } from '../../ifd/directory.js';
import { Compression, isCcitt, PHOTOMETRIC_NAMES, Photometric, SampleFormat, Tag } from './tags.js';

export interface Colours {
  readonly kind: 'grey' | 'palette' | 'rgb' | 'cmyk' | 'ycbcr';
  /** Samples of a pixel that are stored, those that are ignored among them. */
  readonly samples: number;
  /** Of each sample. */
  readonly bits: number;
  /** One of `SampleFormat`. */
  readonly format: number;
  /** The sample after the colours: opacity, opacity that the colours are multiplied by already, or none. */
  readonly alpha: 'none' | 'straight' | 'premultiplied';
  /** Whether grey 0 is white. */
  readonly inverted: boolean;
  /** Of the palette: all reds, then all greens, then all blues, upper bytes. Empty without one. */
  readonly palette: Uint8Array;
  /** Columns and rows of pixels that share their Cb and Cr. */
  readonly subsampling: readonly [across: number, down: number];
}

export interface Storage {
  readonly compression: number;
  readonly planar: boolean;
}

/** The tags that together say what a sample is. */
interface Samples {
  readonly photometric: number;
  readonly format: number;
  readonly fillOrder: number;
  readonly bits: number;
  readonly count: number;
  /** What each sample beyond the colours is: 0 unknown, 1 premultiplied opacity, 2 opacity, 999 opacity of Corel Draw 10. */
  readonly extra: readonly number[];
  /** Planes after those of the samples, of unknown use. */
  readonly ignoredPlanes: number;
}

const COLOUR_COUNTS = { grey: 1, palette: 1, rgb: 3, cmyk: 4, ycbcr: 3 } as const;

const KINDS: ReadonlyMap<number, Colours['kind']> = new Map([
  [Photometric.WhiteIsZero, 'grey'],
  [Photometric.BlackIsZero, 'grey'],
  [Photometric.Rgb, 'rgb'],
  [Photometric.Palette, 'palette'],
  [Photometric.Cmyk, 'cmyk'],
  [Photometric.Ycbcr, 'ycbcr'],
]);

/** Longest list of samples in Pillow's table. */
const MAX_SAMPLES = 6;

/** @throws ImageError UNSUPPORTED_FORMAT; Error where tags contradict each other or a palette is damaged. */
export function coloursOf(directory: TiffDirectory, storage: Storage): Colours {
  const samples = samplesOf(directory, storage);
  const { photometric, count, bits, format } = samples;
  const kind = KINDS.get(photometric);
  if (kind === undefined || !isKnown(kind, samples, directory.bigEndian)) throw unsupported(pixelsOf(samples));
  const alpha = alphaOf(kind, samples);
  expectReadable(kind, samples, alpha, storage, directory.bigEndian);
  return {
    kind,
    samples: count,
    bits,
    format,
    alpha,
    inverted: photometric === Photometric.WhiteIsZero,
    palette: kind === 'palette' ? paletteOf(directory, bits) : new Uint8Array(0),
    subsampling: kind === 'ycbcr' ? subsamplingOf(directory, storage) : [1, 1],
  };
}

/** As `_setup` of Pillow's plugin reads them. */
function samplesOf(directory: TiffDirectory, { planar }: Storage): Samples {
  const numbers = (tag: number) => directory.numbers(tag, MAX_SAMPLES + 1);
  const photometric = directory.number(Tag.Photometric) ?? Photometric.WhiteIsZero;
  const fillOrder = directory.number(Tag.FillOrder) ?? 1;
  const formats = numbers(Tag.SampleFormat) ?? [SampleFormat.Unsigned];
  const allExtra = numbers(Tag.ExtraSamples) ?? [];
  // Planes of unknown samples come last, and nobody has to look at them.
  const ignoredPlanes = planar && allExtra.every((value) => value === 0) ? allExtra.length : 0;
  const extra = ignoredPlanes > 0 ? [] : allExtra;
  const count = (directory.number(Tag.SamplesPerPixel) ?? 1) - ignoredPlanes;
  const listed = numbers(Tag.BitsPerSample) ?? [1];
  const bits = listed.length === 1 ? new Array<number>(Math.min(count, MAX_SAMPLES)).fill(listed[0] as number) : listed;
  if (count < 1 || bits.length < Math.min(count, MAX_SAMPLES)) throw new Error('bits are not given for each sample');
  const named = { photometric, fillOrder, count, extra, ignoredPlanes };
  return { ...named, format: same(formats), bits: same(bits.slice(0, count)) };
}

/** The one value of a list, or -1 where there are several. */
function same(values: readonly number[]): number {
  const first = values[0] as number;
  return values.every((value) => value === first) ? first : -1;
}

function isKnown(kind: Colours['kind'], samples: Samples, bigEndian: boolean): boolean {
  const { photometric, format, fillOrder, bits, count, extra } = samples;
  if (fillOrder !== 1 && (fillOrder !== 2 || count > 3 || count === 2)) return false;
  if (fillOrder === 2 && bits > 8 && (kind !== 'grey' || bits > 16 || bigEndian)) return false;
  if (format !== SampleFormat.Unsigned) {
    // Grey photographs of scientists: 8, 16 and 32 bits with a sign, or 32 in floating point.
    if (photometric !== Photometric.BlackIsZero || count !== 1 || extra.length > 0 || fillOrder !== 1) return false;
    return format === SampleFormat.Signed ? [8, 16, 32].includes(bits) : format === SampleFormat.Float && bits === 32;
  }
  switch (kind) {
    case 'grey':
      if (count === 2) return bits === 8 && photometric === Photometric.BlackIsZero && isExtra(extra, [0, 2], 1, 1);
      if (count !== 1 || extra.length > 0) return false;
      if (bits > 8 && photometric !== Photometric.BlackIsZero) return false; // Pillow shows the negative
      return [1, 2, 4, 8, 16].includes(bits) || (bits === 32 && !bigEndian);
    case 'palette':
      if (count === 2) return bits === 8 && isExtra(extra, [0, 2], 1, 1);
      return count === 1 && extra.length === 0 && [1, 2, 4, 8].includes(bits);
    case 'rgb':
      if (bits !== 8 && bits !== 16) return false;
      if (count === 3) return extra.length === 0;
      if (count === 4 && (extra.length === 0 || (bits === 8 && extra[0] === 999))) return extra.length <= 1;
      return count - extra.length === 3 && isExtra(extra, [0, 1, 2], 1, bits === 8 ? 3 : 1);
    case 'cmyk':
      if (count - extra.length !== 4) return false;
      return bits === 16 ? extra.length === 0 : bits === 8 && (extra.length === 0 || isExtra(extra, [0], 1, 2));
    case 'ycbcr':
      return bits === 8 && count === 3 && extra.length === 0 && fillOrder === 1;
  }
}

/** Whether there are so many extra samples, the first one of these and the others unknown. */
function isExtra(extra: readonly number[], first: readonly number[], least: number, most: number): boolean {
  const [value, ...others] = extra;
  return (
    extra.length >= least &&
    extra.length <= most &&
    first.includes(value as number) &&
    others.every((other) => other === 0)
  );
}

function alphaOf(kind: Colours['kind'], { count, extra }: Samples): Colours['alpha'] {
  if (kind === 'cmyk' || count === COLOUR_COUNTS[kind] || extra[0] === 0) return 'none';
  return extra[0] === 1 ? 'premultiplied' : 'straight';
}

/** Combinations of samples and storage that Pillow refuses, or that it misreads: the same picture stored otherwise is read. */
function expectReadable(
  kind: Colours['kind'],
  samples: Samples,
  alpha: Colours['alpha'],
  storage: Storage,
  bigEndian: boolean,
): void {
  const { bits, count, extra, ignoredPlanes } = samples;
  const { compression, planar } = storage;
  if (compression === Compression.Jpeg && (bits !== 8 || count === 2 || count > 4)) {
    throw unsupported(`${pixelsOf(samples)} as JPEG`);
  }
  if (isCcitt(compression) && (bits !== 1 || kind !== 'grey')) throw unsupported(`${pixelsOf(samples)} as CCITT fax`);
  if (samples.format !== SampleFormat.Unsigned && bits > 8 && bigEndian && compression !== Compression.None) {
    throw unsupported(`compressed big-endian ${pixelsOf(samples)}`);
  }
  if (ignoredPlanes > 0 && compression === Compression.None) {
    throw unsupported(`${pixelsOf(samples)} in planes with ${ignoredPlanes} more`);
  }
  if (!planar) return;
  if (count === 1) {
    if (compression === Compression.None && !isReadAsPlane(kind, samples, bigEndian)) {
      throw unsupported(`uncompressed ${pixelsOf(samples)} with planar configuration 2`);
    }
    return;
  }
  const isRead =
    (kind === 'cmyk' || (kind === 'rgb' && count === 3 + extra.length)) &&
    alpha !== 'premultiplied' &&
    extra.length <= 1 &&
    (bits === 8 || compression !== Compression.None);
  if (!isRead) throw unsupported(`${pixelsOf(samples)} in planes`);
}

/**
 * Whether the only sample of a pixel is read where it is stored as a plane, without compression. Its bytes are the same as
 * without planes, but Pillow (`_setup` of its plugin) unpacks them by the first letter of the raw mode in its table: `L;I`,
 * which is white-is-zero, as `L`. That is right where the letter is all of the raw mode, or stands for the same samples. For
 * 16 bits without a sign there is no such raw mode: Pillow refuses all of them instead of misreading them, so they are read.
 */
function isReadAsPlane(
  kind: Colours['kind'],
  { photometric, format, fillOrder, bits }: Samples,
  bigEndian: boolean,
): boolean {
  if (bits === 16 && format === SampleFormat.Unsigned) return true;
  if (fillOrder !== 1 || photometric === Photometric.WhiteIsZero) return false;
  return bits === 8 || (bits === 1 && kind === 'grey') || (bits === 32 && !bigEndian);
}

/**
 * A number of 16 bits for each colour. TIFF 6.0 asks for all of them; files of before have 8 bits, which libtiff guesses
 * and Pillow reads as black.
 */
function paletteOf(directory: TiffDirectory, bits: number): Uint8Array {
  const count = directory.count(Tag.ColorMap);
  if (count !== 3 << bits) throw new Error(`the palette has ${count} numbers`);
  const values = directory.numbers(Tag.ColorMap) as readonly number[];
  if (values.every((value) => value < 256) && values.some((value) => value > 0)) {
    throw unsupported('a palette of 8-bit colours');
  }
  return Uint8Array.from(values, (value) => value >> 8);
}

/** JPEG has its own. Pillow reads subsampled pixels only where they are compressed, and only in the usual colours. */
function subsamplingOf(directory: TiffDirectory, { compression }: Storage): readonly [number, number] {
  if (compression === Compression.Jpeg) return [1, 1];
  const listed = directory.numbers(Tag.YcbcrSubsampling, 2);
  const [across = 2, down = 2] = listed ?? [];
  if (compression === Compression.None) {
    if (listed !== undefined && (across !== 1 || down !== 1)) throw unsupported('uncompressed subsampled YCbCr pixels');
    return [1, 1];
  }
  if (!SUBSAMPLINGS.has(`${across}x${down}`)) throw unsupported(`YCbCr pixels subsampled ${across}x${down}`);
  for (const [tag, usual] of USUAL_YCBCR) {
    const values = directory.numbers(tag, usual.length) ?? usual;
    if (values.some((value, i) => Math.abs(value - (usual[i] ?? Number.NaN)) > 1e-3)) {
      throw unsupported('YCbCr pixels with unusual coefficients');
    }
  }
  return [across, down];
}

/** Those of libtiff's tif_getimage.c, less 4x4, whose last columns it mixes up. */
const SUBSAMPLINGS: ReadonlySet<string> = new Set(['4x2', '4x1', '2x2', '2x1', '1x2', '1x1']);

/** CCIR 601-1, and no headroom: TIFF 6.0, section 21, and what libtiff takes where the tag is missing. */
const USUAL_YCBCR: readonly (readonly [number, readonly number[]])[] = [
  [Tag.YcbcrCoefficients, [0.299, 0.587, 0.114]],
  [Tag.ReferenceBlackWhite, [0, 255, 128, 255, 128, 255]],
];

/** In words: `RGB pixels of 3 16-bit floating-point samples`. */
function pixelsOf({ photometric, format, fillOrder, bits, count, extra }: Samples): string {
  const colours = PHOTOMETRIC_NAMES.get(photometric) ?? `colours ${photometric}`;
  const size = bits > 0 ? `${bits}-bit ` : 'mixed ';
  const numbers = new Map([
    [SampleFormat.Unsigned, ''],
    [SampleFormat.Signed, 'signed '],
    [SampleFormat.Float, 'floating-point '],
  ] as readonly (readonly [number, string])[]).get(format);
  const order = fillOrder === 1 ? '' : `, fill order ${fillOrder}`;
  const extras = extra.length === 0 ? '' : `, extra samples ${extra.join(' ')}`;
  return `${colours} pixels of ${count} ${size}${numbers ?? `format-${format} `}sample${count === 1 ? '' : 's'}${extras}${order}`;
}

function unsupported(what: string): ImageError {
  return new ImageError(
    'UNSUPPORTED_FORMAT',
    `Expected a TIFF with grey, palette, RGB, CMYK or YCbCr pixels as Pillow reads them but received ${what}.`,
  );
}

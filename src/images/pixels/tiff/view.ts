/**
 * Decoded strips and tiles, by libtiff in libvips, as the bytes that were encoded. libvips is not given the file but a
 * TIFF of our own that shows some of its segments as the strips of a picture: a tag of the file that is odd but harmless is
 * not there to be complained about, no colour is converted, and no segment fails without an error, as tiles do.
 */

import sharp, { type SharpOptions } from 'sharp';
import { Type } from '../../ifd/types.js';
import { CHANNELS, type Size } from '../rgb/geometry.js';
import type { TiffLayout } from './layout.js';
import { Compression, isCcitt, Photometric, Tag } from './tags.js';

/** What a view of segments holds. */
export interface ViewShape extends Size {
  readonly rowsPerStrip: number;
  /** Samples of a pixel: a byte each, except those of CCITT, which are bits. */
  readonly samples: number;
  /** Which differences libtiff undoes: 1 none, 2 those between the samples. */
  readonly predictor: number;
  /** Those that are wanted; all without it. */
  readonly columns: Columns | undefined;
}

export interface Columns {
  readonly left: number;
  readonly width: number;
}

/** How segments are encoded. */
export interface Coding extends Pick<TiffLayout, 'compression' | 'fillOrder' | 'colours' | 'codecTags' | 'jpegTables'> {
  /** What of libtiff's messages is a failure. */
  readonly failOn: 'error' | 'warning';
}

/** Memory for one view after another: fresh memory costs more time than what is copied into it. */
export class ViewBuffer {
  #bytes = Buffer.alloc(0);

  take(length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(length);
    return this.#bytes.subarray(0, length);
  }
}

/**
 * Decodes segments one below the other: `shape.height` rows of the wanted columns, of `shape.samples` bytes each. All of `segments` are
 * parts of one buffer. `buffer` is in use until the promise is settled. Rejects with libvips's error for damaged data.
 */
export async function decodeSegments(
  segments: readonly Uint8Array[],
  shape: ViewShape,
  coding: Coding,
  buffer: ViewBuffer,
): Promise<Uint8Array> {
  // Unlimited: a strip may be as large as a picture, whose size is limited already.
  const options: SharpOptions = { limitInputPixels: false, unlimited: true, failOn: coding.failOn };
  const { left, width } = shape.columns ?? { left: 0, width: shape.width };
  const view = sharp(viewOf(segments, shape, coding, buffer), options);
  const wanted = width === shape.width ? view : view.extract({ left, top: 0, width, height: shape.height });
  const { data, info } = await wanted
    .toColourspace(shape.samples >= CHANNELS ? 'srgb' : 'b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.width !== width || info.height !== shape.height || info.channels !== shape.samples) {
    throw new Error(`received ${info.width}x${info.height} pixels of ${info.channels} channels`);
  }
  return data;
}

type Field = readonly [tag: number, type: number, values: readonly number[] | Uint8Array];

function viewOf(
  segments: readonly Uint8Array[],
  shape: ViewShape,
  { compression, fillOrder, colours, codecTags, jpegTables }: Coding,
  buffer: ViewBuffer,
): Buffer {
  const { samples } = shape;
  const isYcbcr = compression === Compression.Jpeg && colours.kind === 'ycbcr';
  const photometric = isYcbcr ? Photometric.Ycbcr : samples >= CHANNELS ? Photometric.Rgb : Photometric.BlackIsZero;
  const bits = isCcitt(compression) ? 1 : 8;
  const { parts, places, bytes } = gather(segments);
  const fields = (start: number): readonly Field[] =>
    [
      [Tag.ImageWidth, Type.Long, [shape.width]],
      [Tag.ImageLength, Type.Long, [shape.height]],
      [Tag.BitsPerSample, Type.Short, new Array<number>(samples).fill(bits)],
      [Tag.Compression, Type.Short, [compression]],
      [Tag.Photometric, Type.Short, [photometric]],
      [Tag.FillOrder, Type.Short, [fillOrder]],
      [Tag.StripOffsets, Type.Long, places.map((place) => start + place)],
      [Tag.SamplesPerPixel, Type.Short, [samples]],
      [Tag.RowsPerStrip, Type.Long, [shape.rowsPerStrip]],
      [Tag.StripByteCounts, Type.Long, segments.map((segment) => segment.length)],
      [Tag.Predictor, Type.Short, [shape.predictor]],
      ...codecTags.map(
        ([tag, values]) => [tag, tag === Tag.YcbcrSubsampling ? Type.Short : Type.Long, values] as const,
      ),
      // Of unknown use: libvips shall not divide the colours by it.
      ...(samples > CHANNELS
        ? [[Tag.ExtraSamples, Type.Short, new Array<number>(samples - CHANNELS).fill(0)] as const]
        : []),
      ...(jpegTables === undefined ? [] : [[Tag.JpegTables, Type.Undefined, jpegTables] as const]),
    ] satisfies Field[];
  // The directory has the same length wherever the segments begin.
  const { length } = directoryOf(fields(0));
  const view = buffer.take(length + bytes);
  view.set(directoryOf(fields(length)));
  let place = length;
  for (const part of parts) {
    view.set(part, place);
    place += part.length;
  }
  return view;
}

interface Gathered {
  readonly parts: readonly Uint8Array[];
  /** Where each segment begins in the parts, one after the other. */
  readonly places: readonly number[];
  readonly bytes: number;
}

/**
 * What is to be copied. Segments may share bytes, so that a small file could ask for any amount: never more than there is
 * from the first of them to the last, as one piece.
 */
function gather(segments: readonly Uint8Array[]): Gathered {
  let [first, end, sum] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const { byteOffset, length } of segments) {
    first = Math.min(first, byteOffset);
    end = Math.max(end, byteOffset + length);
    sum += length;
  }
  if (sum >= end - first) {
    const whole = new Uint8Array((segments[0] as Uint8Array).buffer, first, end - first);
    return { parts: [whole], places: segments.map(({ byteOffset }) => byteOffset - first), bytes: whole.length };
  }
  let place = 0;
  const places = segments.map(({ length }) => {
    place += length;
    return place - length;
  });
  return { parts: segments, places, bytes: sum };
}

const HEADER_BYTES = 8;
const ENTRY_BYTES = 12;

/** A little-endian classic TIFF up to the end of its directory and of the values of its tags. */
function directoryOf(fields: readonly Field[]): Buffer {
  const sorted = [...fields].sort(([a], [b]) => a - b);
  const valuesStart = HEADER_BYTES + 2 + sorted.length * ENTRY_BYTES + 4;
  const bytesOf = ([, type, values]: Field) => values.length * (type === Type.Long ? 4 : type === Type.Short ? 2 : 1);
  const outside = sorted.map(bytesOf).filter((bytes) => bytes > 4);
  const directory = Buffer.alloc(valuesStart + outside.reduce((sum, bytes) => sum + bytes, 0));
  directory.write('II*\0', 0, 'latin1');
  directory.writeUInt32LE(HEADER_BYTES, 4);
  directory.writeUInt16LE(sorted.length, HEADER_BYTES);
  let next = valuesStart;
  sorted.forEach((field, i) => {
    const [tag, type, values] = field;
    const entry = HEADER_BYTES + 2 + i * ENTRY_BYTES;
    directory.writeUInt16LE(tag, entry);
    directory.writeUInt16LE(type, entry + 2);
    directory.writeUInt32LE(values.length, entry + 4);
    const bytes = bytesOf(field);
    const place = bytes > 4 ? next : entry + 8;
    if (bytes > 4) {
      directory.writeUInt32LE(next, entry + 8);
      next += bytes;
    }
    values.forEach((value, v) => {
      if (type === Type.Long) directory.writeUInt32LE(value, place + 4 * v);
      else if (type === Type.Short) directory.writeUInt16LE(value, place + 2 * v);
      else directory.writeUInt8(value, place + v);
    });
  });
  return directory;
}

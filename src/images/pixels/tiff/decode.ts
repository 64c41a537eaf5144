/** A TIFF file's first picture as RGB, as Pillow reads it. */

import { CHANNELS } from '../rgb/geometry.js';
import type { Colours } from './colours.js';
import type { TiffLayout } from './layout.js';
import { type Convert, converterOf } from './pixels.js';
import {
  canCutColumns,
  decodedSegments,
  isDecodedToBytes,
  isInBlocks,
  placeOf,
  type Rectangle,
  segmentShape,
} from './segments.js';
import { Compression } from './tags.js';
import { blocksToRgb } from './ycbcr.js';

/**
 * The pixels of a part of the picture, as stored, RGB, row by row. All of the picture is decoded: whether a file is whole
 * does not depend on the part that is wanted. Rejects with an Error where anything is damaged or missing.
 */
export async function decodeTiff(file: Uint8Array, layout: TiffLayout, wanted: Rectangle): Promise<Uint8Array> {
  const colours = decodedColours(layout);
  if (isPlainRgb(colours) && canCutColumns(layout)) return await decodeColumns(file, layout, wanted);
  const { segmentBytes } = segmentShape(layout);
  const convert = converterOf({ ...layout, colours });
  const rgb = new Uint8Array(wanted.width * wanted.height * CHANNELS);
  for await (const { first, end, stored } of decodedSegments(file, layout)) {
    for (let segment = first; segment < end; segment += 1) {
      placeSegment(stored.subarray((segment - first) * segmentBytes), segment, { layout, wanted, convert, rgb });
    }
  }
  return rgb;
}

/** Strips of RGB, as of most photographs: what is decoded are the wanted columns already, and nothing is converted. */
async function decodeColumns(file: Uint8Array, layout: TiffLayout, wanted: Rectangle): Promise<Uint8Array> {
  const stride = wanted.width * CHANNELS;
  let rgb: Uint8Array | undefined;
  for await (const { first, stored } of decodedSegments(file, layout, wanted)) {
    const top = first * layout.grid.height;
    const from = Math.max(wanted.top, top);
    const end = Math.min(wanted.top + wanted.height, top + stored.length / stride);
    if (end <= from) continue;
    const rows = stored.subarray((from - top) * stride, (end - top) * stride);
    if (end - from === wanted.height) {
      rgb = rows; // all of them, without a copy
    } else {
      rgb ??= new Uint8Array(wanted.height * stride);
      rgb.set(rows, (from - wanted.top) * stride);
    }
  }
  return rgb as Uint8Array;
}

interface Target {
  readonly layout: TiffLayout;
  readonly wanted: Rectangle;
  readonly convert: Convert;
  readonly rgb: Uint8Array;
}

/** Converts what is wanted of a segment. */
function placeSegment(stored: Uint8Array, segment: number, { layout, wanted, convert, rgb }: Target): void {
  const place = placeOf(layout, segment);
  const part = intersection(place, wanted);
  if (part.width <= 0 || part.height <= 0) return;
  const inSegment = { ...part, left: part.left - place.left, top: part.top - place.top };
  const stride = wanted.width * CHANNELS;
  const to = (part.top - wanted.top) * stride + (part.left - wanted.left) * CHANNELS;
  if (isInBlocks(layout)) {
    blocksToRgb(stored, place.width, inSegment, layout.colours.subsampling, rgb, to, stride);
    return;
  }
  const { rowBytes } = segmentShape(layout);
  for (let row = 0; row < part.height; row += 1) {
    convert(stored, (inSegment.top + row) * rowBytes, inSegment.left, part.width, rgb, to + row * stride);
  }
}

function intersection(a: Rectangle, b: Rectangle): Rectangle {
  const [left, top] = [Math.max(a.left, b.left), Math.max(a.top, b.top)];
  return {
    left,
    top,
    width: Math.min(a.left + a.width, b.left + b.width) - left,
    height: Math.min(a.top + a.height, b.top + b.height) - top,
  };
}

function isPlainRgb({ kind, samples, bits }: Colours): boolean {
  return kind === 'rgb' && samples === CHANNELS && bits === 8;
}

/** The colours of the decoded samples. */
function decodedColours(layout: TiffLayout): Colours {
  const { colours, compression } = layout;
  if (!isDecodedToBytes(layout)) return colours;
  const kind = compression === Compression.Jpeg && colours.kind === 'ycbcr' ? 'rgb' : colours.kind;
  return { ...colours, kind, bits: 8 };
}

/** Rows of stored samples to rows of RGB, with Pillow's arithmetic; transparency is laid over white. */

import { inksToRgb, overWhite } from '../rgb/blend.js';
import { CHANNELS } from '../rgb/geometry.js';
import type { Colours } from './colours.js';
import type { TiffLayout } from './layout.js';
import { unpackerOf } from './samples.js';

/**
 * Converts `count` pixels of the row that begins at byte `row` of `stored`, from pixel `first` on, to RGB from byte `to` of
 * `rgb` on.
 */
export type Convert = (
  stored: Uint8Array,
  row: number,
  first: number,
  count: number,
  rgb: Uint8Array,
  to: number,
) => void;

/** The same for samples of a byte, of which the first is at `from`. */
type ConvertBytes = (bytes: Uint8Array, from: number, count: number, rgb: Uint8Array, to: number) => void;

/** `stored` holds whole pixels, sample beside sample. */
export function converterOf(layout: Pick<TiffLayout, 'colours' | 'bigEndian'>): Convert {
  const { samples } = layout.colours;
  const convert = bytesConverter(layout.colours);
  const unpack = unpackerOf(layout);
  if (unpack === undefined) {
    return (stored, row, first, count, rgb, to) => convert(stored, row + first * samples, count, rgb, to);
  }
  let bytes = new Uint8Array(0);
  return (stored, row, first, count, rgb, to) => {
    if (bytes.length < count * samples) bytes = new Uint8Array(count * samples);
    unpack(stored, row, first * samples, count * samples, bytes);
    convert(bytes, 0, count, rgb, to);
  };
}

function bytesConverter(colours: Colours): ConvertBytes {
  switch (colours.kind) {
    case 'grey':
      return colours.alpha === 'none' ? fromGrey(colours) : throughPalette(colours, GREYS);
    case 'palette':
      return throughPalette(colours, colours.palette);
    case 'rgb':
      return fromRgb(colours);
    case 'cmyk':
      return (bytes, from, count, rgb, to) => inksToRgb(bytes, from, colours.samples, count, rgb, to);
    case 'ycbcr':
      return fromYcbcr;
  }
}

function fromGrey({ samples, inverted }: Colours): ConvertBytes {
  const flip = inverted ? 255 : 0;
  return (bytes, from, count, rgb, to) => {
    let pixel = to;
    for (let i = from; i < from + count * samples; i += samples) {
      const grey = (bytes[i] as number) ^ flip;
      rgb[pixel] = grey;
      rgb[pixel + 1] = grey;
      rgb[pixel + 2] = grey;
      pixel += CHANNELS;
    }
  };
}

const GREYS = Uint8Array.from({ length: 256 * CHANNELS }, (_, i) => i % 256);

/** `palette`: all reds, then all greens, then all blues. */
function throughPalette({ samples, alpha }: Colours, palette: Uint8Array): ConvertBytes {
  const size = palette.length / CHANNELS;
  return (bytes, from, count, rgb, to) => {
    for (let i = 0; i < count; i += 1) {
      const sample = from + i * samples;
      const pixel = to + i * CHANNELS;
      for (let c = 0; c < CHANNELS; c += 1) {
        const colour = palette[c * size + (bytes[sample] as number)] as number;
        rgb[pixel + c] = alpha === 'none' ? colour : overWhite(colour, bytes[sample + 1] as number);
      }
    }
  };
}

function fromRgb({ samples, alpha }: Colours): ConvertBytes {
  if (alpha === 'none' && samples === CHANNELS) {
    return (bytes, from, count, rgb, to) => rgb.set(bytes.subarray(from, from + count * CHANNELS), to);
  }
  return (bytes, from, count, rgb, to) => {
    for (let i = 0; i < count; i += 1) {
      const sample = from + i * samples;
      const pixel = to + i * CHANNELS;
      const opacity = alpha === 'none' ? 255 : (bytes[sample + CHANNELS] as number);
      for (let c = 0; c < CHANNELS; c += 1) {
        const colour = bytes[sample + c] as number;
        rgb[pixel + c] = overWhite(alpha === 'premultiplied' ? divided(colour, opacity) : colour, opacity);
      }
    }
  };
}

/** Pillow's `unpackRGBa` (src/libImaging/Unpack.c): a colour that was multiplied by the opacity, as it was before. */
function divided(colour: number, alpha: number): number {
  return alpha === 0 ? 0 : Math.min(255, Math.floor((colour * 255) / alpha));
}

/** Pillow's `ImagingConvertYCbCr2RGB` (src/libImaging/ConvertYCbCr.c), whose tables are in 64ths. */
const fromYcbcr: ConvertBytes = (bytes, from, count, rgb, to) => {
  for (let i = 0; i < count; i += 1) {
    const sample = from + i * CHANNELS;
    const pixel = to + i * CHANNELS;
    const luma = bytes[sample] as number;
    const cb = bytes[sample + 1] as number;
    const cr = bytes[sample + 2] as number;
    rgb[pixel] = clamp(luma + ((RED_OF_CR[cr] as number) >> 6));
    rgb[pixel + 1] = clamp(luma + (((GREEN_OF_CB[cb] as number) + (GREEN_OF_CR[cr] as number)) >> 6));
    rgb[pixel + 2] = clamp(luma + ((BLUE_OF_CB[cb] as number) >> 6));
  }
};

function clamp(value: number): number {
  return Math.max(0, Math.min(255, value));
}

const RED_OF_CR = chromaTable(1.402);
const GREEN_OF_CB = chromaTable(-0.34414);
const GREEN_OF_CR = chromaTable(-0.71414);
const BLUE_OF_CB = chromaTable(1.772);

function chromaTable(factor: number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, i) => Math.trunc(factor * (i - 128) * 64 + 0.5));
}

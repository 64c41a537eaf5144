/** YCbCr that is compressed but not as JPEG: blocks of pixels that share their colours, as libtiff turns them into RGB. */

import { CHANNELS, type Size } from '../rgb/geometry.js';

export type Subsampling = readonly [across: number, down: number];

/** Bytes of a row of blocks: for each block its Ys, row by row, then its Cb and its Cr (TIFF 6.0, section 21). */
export function blockRowBytes(width: number, [across, down]: Subsampling): number {
  return Math.ceil(width / across) * (across * down + 2);
}

/**
 * Blocks to RGB, each pixel with its block's colours: libtiff's `putcontig8bitYCbCr22tile` and the like (tif_getimage.c).
 * `blocks` are those of a segment of `segmentWidth` pixels, of which `part` is wanted; `stride` is the bytes of a row of
 * `rgb`.
 */
export function blocksToRgb(
  blocks: Uint8Array,
  segmentWidth: number,
  part: Size & { readonly left: number; readonly top: number },
  [across, down]: Subsampling,
  rgb: Uint8Array,
  to: number,
  stride: number,
): void {
  const rowBytes = blockRowBytes(segmentWidth, [across, down]);
  const blockBytes = across * down + 2;
  for (let row = 0; row < part.height; row += 1) {
    const y = part.top + row;
    const blockRow = Math.floor(y / down) * rowBytes;
    const inBlock = (y % down) * across;
    for (let column = 0; column < part.width; column += 1) {
      const x = part.left + column;
      const block = blockRow + Math.floor(x / across) * blockBytes;
      const luma = blocks[block + inBlock + (x % across)] as number;
      const cb = blocks[block + blockBytes - 2] as number;
      const cr = blocks[block + blockBytes - 1] as number;
      const pixel = to + row * stride + column * CHANNELS;
      rgb[pixel] = clamp(luma + (RED_OF_CR[cr] as number));
      rgb[pixel + 1] = clamp(luma + (((GREEN_OF_CB[cb] as number) + (GREEN_OF_CR[cr] as number)) >> 16));
      rgb[pixel + 2] = clamp(luma + (BLUE_OF_CB[cb] as number));
    }
  }
}

function clamp(value: number): number {
  return Math.max(0, Math.min(255, value));
}

/** libtiff's `TIFFYCbCrToRGBInit` (tif_color.c) with the coefficients of CCIR 601-1, in 65536ths. */
const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114];
const [D1, D2] = [fixed(2 - 2 * RED), -fixed((RED * (2 - 2 * RED)) / GREEN)];
const [D3, D4] = [fixed(2 - 2 * BLUE), -fixed((BLUE * (2 - 2 * BLUE)) / GREEN)];
const HALF = 1 << 15;

const RED_OF_CR = chromaTable((cr) => (D1 * cr + HALF) >> 16);
const GREEN_OF_CR = chromaTable((cr) => D2 * cr);
const GREEN_OF_CB = chromaTable((cb) => D4 * cb + HALF);
const BLUE_OF_CB = chromaTable((cb) => (D3 * cb + HALF) >> 16);

function fixed(value: number): number {
  return Math.trunc(value * 65536 + 0.5);
}

function chromaTable(entry: (chroma: number) => number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, i) => entry(i - 128));
}

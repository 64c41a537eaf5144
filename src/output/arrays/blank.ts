/** Rows of images that failed: NaN, so that they are never taken for numbers. */

import { type ArraySpec, rowBytes, rowLength } from './spec.js';

/** The quiet NaN of IEEE half precision, as NumPy writes it. */
export const F16_NAN = 0x7e00;

export function blankRow(spec: ArraySpec): Buffer {
  const bytes = Buffer.alloc(rowBytes(spec));
  if (spec.dtype === 'f32') new Float32Array(bytes.buffer, bytes.byteOffset, rowLength(spec)).fill(Number.NaN);
  else new Uint16Array(bytes.buffer, bytes.byteOffset, rowLength(spec)).fill(F16_NAN);
  return bytes;
}

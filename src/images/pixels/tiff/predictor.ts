/** Rows stored as differences between neighbours, and back. */

/** How a row's samples are laid out. */
export interface RowSamples {
  /** From one pixel to the next. */
  readonly samples: number;
  readonly bits: number;
  readonly bigEndian: boolean;
}

/**
 * Undoes predictor 2, in place: each sample was stored as its difference from the same one of the pixel to the left
 * (TIFF 6.0, section 14).
 */
export function addNeighbours(row: Uint8Array, { samples, bits, bigEndian }: RowSamples): void {
  if (bits === 8) {
    for (let i = samples; i < row.length; i += 1) row[i] = (row[i] as number) + (row[i - samples] as number);
    return;
  }
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  const bytes = bits / 8;
  const step = samples * bytes;
  for (let at = step; at + bytes <= row.length; at += bytes) {
    if (bits === 16) {
      view.setUint16(at, view.getUint16(at, !bigEndian) + view.getUint16(at - step, !bigEndian), !bigEndian);
    } else {
      view.setUint32(at, view.getUint32(at, !bigEndian) + view.getUint32(at - step, !bigEndian), !bigEndian);
    }
  }
}

/**
 * Undoes predictor 3, in place: the row holds the highest bytes of all its numbers, then the next ones, and so on, each
 * byte as its difference from the one a pixel before it (Adobe Photoshop TIFF Technical Note 3).
 */
export function addFloatNeighbours(row: Uint8Array, { samples, bits, bigEndian }: RowSamples): void {
  for (let i = samples; i < row.length; i += 1) row[i] = (row[i] as number) + (row[i - samples] as number);
  const bytes = bits / 8;
  const count = row.length / bytes;
  const planes = Uint8Array.from(row);
  for (let i = 0; i < count; i += 1) {
    for (let b = 0; b < bytes; b += 1) {
      row[i * bytes + (bigEndian ? b : bytes - 1 - b)] = planes[b * count + i] as number;
    }
  }
}

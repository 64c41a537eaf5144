/** TIFF files made of any entries, sound or not. */

/** Codes of types. */
export const [SHORT, LONG, RATIONAL, TEXT] = [3, 4, 5, 2];

export interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** A value, or the place of several. */
  readonly value: number;
}

/** A little-endian classic TIFF of entries, with `behind` after them, at byte `10 + 12 * entries + 4`. */
export function file(entries: readonly Entry[], behind = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(10 + 12 * entries.length + 4);
  head.write('II*\0', 0, 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(entries.length, 8);
  entries.forEach(({ tag, type, count, value }, i) => {
    head.writeUInt16LE(tag, 10 + 12 * i);
    head.writeUInt16LE(type, 12 + 12 * i);
    head.writeUInt32LE(count, 14 + 12 * i);
    head.writeUInt32LE(value, 18 + 12 * i);
  });
  return Buffer.concat([head, behind]);
}

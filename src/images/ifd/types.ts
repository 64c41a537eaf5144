/** The types of the values that a tag may have (TIFF 6.0, section 2; BigTIFF), and how a number of each is read. */

export const Type = {
  Byte: 1,
  Ascii: 2,
  Short: 3,
  Long: 4,
  Rational: 5,
  SignedByte: 6,
  Undefined: 7,
  SignedShort: 8,
  SignedLong: 9,
  SignedRational: 10,
  Float: 11,
  Double: 12,
  /** The place of a directory. */
  Ifd: 13,
  Long8: 16,
  /** The place of a directory in 8 bytes. */
  Ifd8: 18,
} as const;

type ReadNumber = (view: DataView, at: number, littleEndian: boolean) => number;

export interface ValueType {
  /** Bytes of one value. */
  readonly bytes: number;
  readonly read: ReadNumber;
}

export const unsigned32: ReadNumber = (view, at, little) => view.getUint32(at, little);

/** Beyond 2 ** 53 the number is not exact, and lies outside of every file all the same. */
export const unsigned64: ReadNumber = (view, at, little) => Number(view.getBigUint64(at, little));

const byte: ValueType = { bytes: 1, read: (view, at) => view.getUint8(at) };

/** The types that Pillow knows; a tag of any other is none to it. */
export const TYPES: ReadonlyMap<number, ValueType> = new Map<number, ValueType>([
  [Type.Byte, byte],
  [Type.Ascii, byte],
  [Type.Short, { bytes: 2, read: (view, at, little) => view.getUint16(at, little) }],
  [Type.Long, { bytes: 4, read: unsigned32 }],
  [
    Type.Rational,
    { bytes: 8, read: (view, at, little) => view.getUint32(at, little) / view.getUint32(at + 4, little) },
  ],
  [Type.SignedByte, { bytes: 1, read: (view, at) => view.getInt8(at) }],
  [Type.Undefined, byte],
  [Type.SignedShort, { bytes: 2, read: (view, at, little) => view.getInt16(at, little) }],
  [Type.SignedLong, { bytes: 4, read: (view, at, little) => view.getInt32(at, little) }],
  [
    Type.SignedRational,
    { bytes: 8, read: (view, at, little) => view.getInt32(at, little) / view.getInt32(at + 4, little) },
  ],
  [Type.Float, { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  [Type.Double, { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) }],
  [Type.Ifd, { bytes: 4, read: unsigned32 }],
  [Type.Long8, { bytes: 8, read: unsigned64 }],
  [Type.Ifd8, { bytes: 8, read: unsigned64 }],
]);

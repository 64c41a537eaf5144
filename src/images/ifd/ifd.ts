/**
 * Directories of tags, as TIFF 6.0 (section 2), BigTIFF and EXIF (CIPA DC-008, 4.6.2) have them. Hostile until parsed:
 * nothing is taken from outside the data, and a directory has at most 65,535 entries. As in Pillow 13
 * (`ImageFileDirectory_v2.load` in src/PIL/TiffImagePlugin.py), the first entry of a tag counts, one that makes the values
 * longer than the data in all is passed over, and any other whose value lies outside of the data ends its directory.
 */

/** The bytes of a text and of the types BYTE and UNDEFINED; else numbers, at most `MAX_NUMBERS` of them. */
export type TagValue = Buffer | readonly number[];

export type Tags = ReadonlyMap<number, TagValue>;

export interface TiffData {
  /** Where the first directory begins. */
  readonly first: number;
  /** The entries of a directory that have one of these tags; empty where there is no directory. */
  readonly read: (start: number, wanted: ReadonlySet<number>) => Tags;
}

/** The sizes in bytes of the parts of a directory. */
interface Layout {
  readonly count: number;
  readonly entry: number;
  /** Of an entry's value, or of its place: the last part of the entry. */
  readonly value: number;
}

const CLASSIC: Layout = { count: 2, entry: 12, value: 4 };
const BIG: Layout = { count: 8, entry: 20, value: 8 };

/** Byte order, version and the place of the first directory: 8 bytes, or 16 with the 8-byte places of BigTIFF. */
const CLASSIC_HEADER_BYTES = 8;
const BIG_HEADER_BYTES = 16;
const VERSION = 42;
const BIG_VERSION = 43;

/** libtiff reads no larger directory either. */
const MAX_ENTRIES = 0xffff;

/** As many as a raw photo has further directories, and far more than any other tag that is read needs. */
const MAX_NUMBERS = 32;

type ReadNumber = (view: DataView, at: number, littleEndian: boolean) => number;

const unsigned32: ReadNumber = (view, at, little) => view.getUint32(at, little);
const unsigned64: ReadNumber = (view, at, little) => Number(view.getBigUint64(at, little));

/** Bytes of one value and how a number is read, by the type's code. A pointer to a directory has a type of its own, 13 or 18. */
const TYPES: ReadonlyMap<number, readonly [bytes: number, read?: ReadNumber]> = new Map([
  [1, [1]],
  [2, [1]],
  [3, [2, (view, at, little) => view.getUint16(at, little)]],
  [4, [4, unsigned32]],
  [5, [8, (view, at, little) => view.getUint32(at, little) / view.getUint32(at + 4, little)]],
  [6, [1, (view, at) => view.getInt8(at)]],
  [7, [1]],
  [8, [2, (view, at, little) => view.getInt16(at, little)]],
  [9, [4, (view, at, little) => view.getInt32(at, little)]],
  [10, [8, (view, at, little) => view.getInt32(at, little) / view.getInt32(at + 4, little)]],
  [11, [4, (view, at, little) => view.getFloat32(at, little)]],
  [12, [8, (view, at, little) => view.getFloat64(at, little)]],
  [13, [4, unsigned32]],
  [16, [8, unsigned64]],
  [18, [8, unsigned64]],
]);

/** `undefined` for data that does not begin as TIFF. A version whose bytes are swapped is read, as Pillow does. */
export function openTiff(data: Buffer): TiffData | undefined {
  if (data.length < CLASSIC_HEADER_BYTES) return undefined;
  const order = data.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return undefined;
  const littleEndian = order === 'II';
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const version = view.getUint16(2, littleEndian);
  if (version === VERSION || view.getUint16(2, !littleEndian) === VERSION) {
    const first = view.getUint32(4, littleEndian);
    return { first, read: (start, wanted) => readDirectory(data, view, littleEndian, CLASSIC, start, wanted) };
  }
  if (version !== BIG_VERSION || data.length < BIG_HEADER_BYTES) return undefined;
  const first = Number(view.getBigUint64(8, littleEndian));
  return { first, read: (start, wanted) => readDirectory(data, view, littleEndian, BIG, start, wanted) };
}

function readDirectory(
  data: Buffer,
  view: DataView,
  littleEndian: boolean,
  layout: Layout,
  start: number,
  wanted: ReadonlySet<number>,
): Tags {
  const tags = new Map<number, TagValue>();
  const at = start + layout.count;
  if (at > data.length) return tags;
  const number = (place: number) => (layout === BIG ? unsigned64 : unsigned32)(view, place, littleEndian);
  const entries = layout === BIG ? number(start) : view.getUint16(start, littleEndian);
  if (entries > MAX_ENTRIES) return tags;
  let total = 0;
  const end = Math.min(at + entries * layout.entry, data.length - layout.entry + 1);
  for (let entry = at; entry < end; entry += layout.entry) {
    const type = TYPES.get(view.getUint16(entry + 2, littleEndian));
    if (type === undefined) continue;
    const [bytes, read] = type;
    const tag = view.getUint16(entry, littleEndian);
    if (tags.has(tag)) continue;
    const length = bytes * number(entry + 4);
    let place = entry + layout.entry - layout.value;
    if (length > layout.value) {
      total += length;
      if (total > data.length) continue;
      place = number(place);
      if (place + length > data.length) break;
    }
    if (length === 0 || !wanted.has(tag)) continue;
    tags.set(
      tag,
      read === undefined
        ? data.subarray(place, place + length)
        : Array.from({ length: Math.min(length / bytes, MAX_NUMBERS) }, (_, i) =>
            read(view, place + i * bytes, littleEndian),
          ),
    );
  }
  return tags;
}

/** The first number of a tag; `undefined` where it has none. */
export function numberOf(value: TagValue | undefined): number | undefined {
  return value === undefined || Buffer.isBuffer(value) ? undefined : value[0];
}

/**
 * Directories of tags, as TIFF 6.0 (section 2), BigTIFF and EXIF (CIPA DC-008, 4.6.2) have them. The data are hostile until
 * parsed: a directory is gone through once, and a value is read only when it is asked for and only from inside the data.
 */

import { TYPES, Type, unsigned32, unsigned64 } from './types.js';

/** The bytes of a text and of the types BYTE and UNDEFINED; of any other type numbers, at most `MAX_NUMBERS` of them. */
export type TagValue = Buffer | readonly number[];

/** The sizes in bytes of the parts of a directory. */
interface DirectoryShape {
  /** The number of entries, which stands first. */
  readonly count: number;
  readonly entry: number;
  /** The last part of an entry: the values where they fit, and else where they are. */
  readonly value: number;
}

const CLASSIC: DirectoryShape = { count: 2, entry: 12, value: 4 };
const BIG: DirectoryShape = { count: 8, entry: 20, value: 8 };

/** Byte order, version and the place of the first directory: 8 bytes, or 16 with the 8-byte places of BigTIFF. */
const CLASSIC_HEADER_BYTES = 8;
const BIG_HEADER_BYTES = 16;
const VERSION = 42;
const BIG_VERSION = 43;

/** libtiff reads no larger directory either. */
const MAX_ENTRIES = 0xffff;

/** As many as a raw photo has further directories, and far more than any other tag needs that is read this way. */
const MAX_NUMBERS = 32;

/** The types whose values are given as bytes, because they may be text. */
const BYTEWISE: ReadonlySet<number> = new Set([Type.Byte, Type.Ascii, Type.Undefined]);

/** The types that the size of a picture and the places of its pixels may have. */
const NUMERIC: ReadonlySet<number> = new Set([
  Type.Byte,
  Type.Short,
  Type.Long,
  Type.Rational,
  Type.Undefined,
  Type.SignedShort,
  Type.SignedLong,
  Type.Ifd,
  Type.Long8,
  Type.Ifd8,
]);

/** Data that begin as TIFF. */
export interface TiffData {
  readonly view: DataView;
  readonly bigEndian: boolean;
  readonly shape: DirectoryShape;
  /** Where the first directory begins. */
  readonly first: number;
}

/** `undefined` for data that do not begin as TIFF. A version whose bytes are swapped is read, as Pillow does. */
export function openTiff(data: Uint8Array): TiffData | undefined {
  if (data.length < CLASSIC_HEADER_BYTES) return undefined;
  const order = String.fromCharCode(data[0] as number, data[1] as number);
  if (order !== 'II' && order !== 'MM') return undefined;
  const bigEndian = order === 'MM';
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const version = view.getUint16(2, !bigEndian);
  if (version === VERSION || view.getUint16(2, bigEndian) === VERSION) {
    return { view, bigEndian, shape: CLASSIC, first: unsigned32(view, 4, !bigEndian) };
  }
  if (version !== BIG_VERSION || data.length < BIG_HEADER_BYTES) return undefined;
  return { view, bigEndian, shape: BIG, first: unsigned64(view, 8, !bigEndian) };
}

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Where the values are, in bytes from the start of the data. */
  readonly place: number;
  /** The length of all values; 0 where the type is not known. */
  readonly bytes: number;
  /** Whether the values are there and can be read. */
  readonly sound: boolean;
}

/**
 * One directory. As in Pillow 13 (`ImageFileDirectory_v2.load` in src/PIL/TiffImagePlugin.py), the first sound entry of a tag
 * counts, an entry of an unknown type and one that makes the values longer than the data in all are passed over, and any
 * other whose values lie outside of the data ends the directory.
 *
 * `value` gives what Pillow finds, for which a tag that cannot be read is not there. `numbers` and the like throw for such
 * a tag: a picture must not be decoded with the default for a tag that is damaged.
 */
export class TiffDirectory {
  readonly bigEndian: boolean;
  /** Whether the data hold all entries that the directory says it has. */
  readonly isWhole: boolean;
  readonly #view: DataView;
  readonly #entries = new Map<number, Entry>();

  /** Never throws: what is not there has no entries. */
  constructor({ view, bigEndian, shape, first }: TiffData, start = first) {
    this.#view = view;
    this.bigEndian = bigEndian;
    const at = start + shape.count;
    const count = at > view.byteLength ? 0 : this.#countAt(start, shape);
    this.isWhole = at + count * shape.entry <= view.byteLength && count <= MAX_ENTRIES;
    if (count <= MAX_ENTRIES) this.#readEntries(at, count, shape);
  }

  #countAt(start: number, shape: DirectoryShape): number {
    return shape === BIG
      ? unsigned64(this.#view, start, !this.bigEndian)
      : this.#view.getUint16(start, !this.bigEndian);
  }

  #readEntries(start: number, count: number, shape: DirectoryShape): void {
    const { byteLength } = this.#view;
    const pointer = shape === BIG ? unsigned64 : unsigned32;
    const end = Math.min(start + count * shape.entry, byteLength - shape.entry + 1);
    let total = 0;
    let ended = false;
    for (let at = start; at < end; at += shape.entry) {
      const tag = this.#view.getUint16(at, !this.bigEndian);
      const known = this.#entries.get(tag);
      if (known?.sound === true) continue;
      const type = this.#view.getUint16(at + 2, !this.bigEndian);
      const values = pointer(this.#view, at + 4, !this.bigEndian);
      if (values === 0) continue;
      const bytes = values * (TYPES.get(type)?.bytes ?? 0);
      let place = at + shape.entry - shape.value;
      let sound: boolean = !ended && bytes > 0;
      if (sound && bytes > shape.value) {
        place = pointer(this.#view, place, !this.bigEndian);
        total += bytes;
        sound = total <= byteLength;
        ended = sound && place + bytes > byteLength;
        sound &&= !ended;
      }
      if (known === undefined || sound) this.#entries.set(tag, { type, count: values, place, bytes, sound });
    }
  }

  /** Whether there is an entry with this tag, sound or not. */
  has(tag: number): boolean {
    return this.#entries.has(tag);
  }

  /** How many values the entry of a tag says that there are. */
  count(tag: number): number {
    return this.#entries.get(tag)?.count ?? 0;
  }

  /** What Pillow finds under a tag; `undefined` where it finds nothing. */
  value(tag: number): TagValue | undefined {
    const entry = this.#entries.get(tag);
    if (entry?.sound !== true) return undefined;
    return BYTEWISE.has(entry.type) ? this.#bytesOf(entry) : this.#numbersOf(entry, MAX_NUMBERS);
  }

  /** The first number that Pillow finds under a tag; `undefined` where it finds none. */
  firstNumber(tag: number): number | undefined {
    const value = this.value(tag);
    return value === undefined || Buffer.isBuffer(value) ? undefined : value[0];
  }

  /**
   * The first `limit` numbers of a tag; `undefined` without it.
   *
   * @throws Error for values that cannot be read, and for text and numbers in floating point.
   */
  numbers(tag: number, limit = Number.POSITIVE_INFINITY): readonly number[] | undefined {
    const entry = this.#soundEntry(tag);
    if (entry === undefined) return undefined;
    if (!NUMERIC.has(entry.type)) throw new Error(`a tag has values of type ${entry.type}`);
    return this.#numbersOf(entry, limit);
  }

  /**
   * The number of a tag that has one.
   *
   * @throws Error for what `numbers` throws for, and where it is not one whole number.
   */
  number(tag: number): number | undefined {
    const values = this.numbers(tag, 2);
    if (values === undefined) return undefined;
    const [value = Number.NaN] = values;
    if (values.length > 1 || !Number.isSafeInteger(value)) throw new Error(`tag ${tag} is not one whole number`);
    return value;
  }

  /**
   * The bytes of a tag, as they are; `undefined` without it.
   *
   * @throws Error for more than `limit`, and for values that cannot be read.
   */
  bytes(tag: number, limit: number): Uint8Array | undefined {
    const entry = this.#soundEntry(tag);
    if (entry === undefined) return undefined;
    if (entry.bytes > limit) throw new Error(`tag ${tag} has ${entry.bytes} bytes`);
    return this.#bytesOf(entry);
  }

  /** `undefined` where there is no entry. */
  #soundEntry(tag: number): Entry | undefined {
    const entry = this.#entries.get(tag);
    if (entry === undefined || entry.sound) return entry;
    if (entry.bytes === 0) throw new Error(`tag ${tag} has values of an unknown type`);
    throw new Error(`tag ${tag} or one before it lies beyond the end of the file`);
  }

  #bytesOf({ place, bytes }: Entry): Buffer {
    return Buffer.from(this.#view.buffer as ArrayBuffer, this.#view.byteOffset + place, bytes);
  }

  #numbersOf({ type, count, place }: Entry, limit: number): readonly number[] {
    const known = TYPES.get(type);
    if (known === undefined) return [];
    const length = Math.min(count, limit);
    return Array.from({ length }, (_, i) => known.read(this.#view, place + i * known.bytes, !this.bigEndian));
  }
}

/**
 * The first directory of a TIFF file, or the one at `start`.
 *
 * @throws Error where the file does not begin as TIFF, and where it ends before its directory does.
 */
export function wholeDirectory(file: Uint8Array, start?: number): TiffDirectory {
  const tiff = openTiff(file);
  if (tiff === undefined) throw new Error('the file does not begin as TIFF');
  const directory = new TiffDirectory(tiff, start);
  if (!directory.isWhole) throw new Error('the file ends before its directory does');
  return directory;
}

/**
 * The first directory of a TIFF file: its tags, classic TIFF or BigTIFF, in either order of bytes. Hostile until parsed:
 * the directory is gone through once, and a value is read only when asked for and only from inside the file.
 */

import { Type } from './tags.js';

/** Bytes of one value of each type that Pillow knows. */
const TYPE_BYTES: ReadonlyMap<number, number> = new Map([
  [Type.Byte, 1],
  [Type.Ascii, 1],
  [Type.Short, 2],
  [Type.Long, 4],
  [Type.Rational, 8],
  [Type.SignedByte, 1],
  [Type.Undefined, 1],
  [Type.SignedShort, 2],
  [Type.SignedLong, 4],
  [Type.SignedRational, 8],
  [Type.Float, 4],
  [Type.Double, 8],
  [Type.Ifd, 4],
  [Type.Long8, 8],
]);

/** Sizes in bytes that differ between the two kinds of file. */
const CLASSIC = { version: 42, first: 4, count: 2, entry: 12, pointer: 4 } as const;
const BIG = { version: 43, first: 8, count: 8, entry: 20, pointer: 8 } as const;

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Where the values are, in bytes from the start of the file. */
  readonly place: number;
  /** Of all values; 0 for those of a type that is not known. */
  readonly bytes: number;
  /** Whether they, or those of a tag before, lie beyond the end of the file: Pillow reads no further. */
  readonly lost: boolean;
}

export class TiffDirectory {
  readonly bigEndian: boolean;
  readonly #view: DataView;
  readonly #entries = new Map<number, Entry>();
  #lost = false;

  /**
   * `start` is where the directory begins, if not where the header says.
   *
   * @throws Error where the file ends before its directory does.
   */
  constructor(file: Uint8Array, start = TiffDirectory.startOf(file)) {
    this.#view = new DataView(file.buffer, file.byteOffset, file.length);
    this.bigEndian = isBigEndian(file);
    const layout = layoutOf(this.#view);
    const count = layout === BIG ? this.#pointer(start, 8) : this.#short(start);
    const first = start + layout.count;
    if (first + count * layout.entry > file.length) throw new Error('the file ends before its directory does');
    for (let i = 0; i < count; i += 1) this.#addEntry(first + i * layout.entry, layout.pointer);
  }

  /** Where the header says that the directory begins. */
  static startOf(header: Uint8Array): number {
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    const { first, pointer } = layoutOf(view);
    return pointerAt(view, first, pointer, !isBigEndian(header));
  }

  /** Of several entries with one tag the first counts, as in Pillow and libtiff. */
  #addEntry(at: number, pointerBytes: number): void {
    const tag = this.#short(at);
    const type = this.#short(at + 2);
    if (this.#entries.has(tag)) return;
    const count = this.#pointer(at + 4, pointerBytes);
    const value = at + 4 + pointerBytes;
    const bytes = count * (TYPE_BYTES.get(type) ?? 0);
    // A value that fits stands in the entry itself.
    const place = bytes <= pointerBytes ? value : this.#pointer(value, pointerBytes);
    this.#lost ||= place + bytes > this.#view.byteLength;
    if (count > 0) this.#entries.set(tag, { type, count, place, bytes, lost: this.#lost });
  }

  /** Length of the whole file. */
  get fileBytes(): number {
    return this.#view.byteLength;
  }

  has(tag: number): boolean {
    return this.#entries.has(tag);
  }

  /** How many values a tag has. */
  count(tag: number): number {
    return this.#entries.get(tag)?.count ?? 0;
  }

  /**
   * The first `limit` numbers of a tag; `undefined` without it.
   *
   * @throws Error for values beyond the end of the file, and for text and numbers in floating point.
   */
  numbers(tag: number, limit = Number.POSITIVE_INFINITY): readonly number[] | undefined {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return undefined;
    this.#expectValues(tag, entry);
    const unit = entry.bytes / entry.count;
    const length = Math.min(entry.count, limit);
    return Array.from({ length }, (_, i) => this.#number(entry.type, entry.place + i * unit));
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
   * @throws Error for more than `limit`, and for what lies beyond the end of the file.
   */
  bytes(tag: number, limit: number): Uint8Array | undefined {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return undefined;
    this.#expectValues(tag, entry);
    if (entry.bytes > limit) throw new Error(`tag ${tag} has ${entry.bytes} bytes`);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + entry.place, entry.bytes);
  }

  #expectValues(tag: number, { bytes, lost }: Entry): void {
    if (bytes === 0) throw new Error(`tag ${tag} has values of an unknown type`);
    if (lost) throw new Error(`tag ${tag} or one before it lies beyond the end of the file`);
  }

  #number(type: number, at: number): number {
    switch (type) {
      case Type.Short:
        return this.#short(at);
      case Type.SignedShort:
        return this.#view.getInt16(at, !this.bigEndian);
      case Type.SignedLong:
        return this.#view.getInt32(at, !this.bigEndian);
      case Type.Rational:
        return this.#pointer(at, 4) / this.#pointer(at + 4, 4);
      case Type.Long8:
        return this.#pointer(at, 8);
      case Type.Byte:
      case Type.Undefined:
        return this.#view.getUint8(at);
      case Type.Long:
      case Type.Ifd:
        return this.#pointer(at, 4);
      default:
        throw new Error(`a tag has values of type ${type}`);
    }
  }

  #short(at: number): number {
    return this.#view.getUint16(at, !this.bigEndian);
  }

  #pointer(at: number, bytes: number): number {
    return pointerAt(this.#view, at, bytes, !this.bigEndian);
  }
}

function isBigEndian(header: Uint8Array): boolean {
  return header[0] === 'M'.charCodeAt(0);
}

function layoutOf(file: DataView): typeof CLASSIC | typeof BIG {
  // The other byte of the version is 0.
  return file.getUint8(2) + file.getUint8(3) === BIG.version ? BIG : CLASSIC;
}

/** Of 4 or 8 bytes. Beyond 2 ** 53 it is not exact, and lies outside every file all the same. */
function pointerAt(view: DataView, at: number, bytes: number, littleEndian: boolean): number {
  return bytes === 4 ? view.getUint32(at, littleEndian) : Number(view.getBigUint64(at, littleEndian));
}

/**
 * How an AVIF says that its picture is to be turned or cropped: `irot`, `imir` (ISO/IEC 23008-12, 6.5.10 and 6.5.12) and `clap`
 * (ISO/IEC 14496-12, 12.1.4).
 */

/** `quarters` to the left, or a mirror: 'columns' swaps left and right, 'rows' swaps top and bottom. */
export type HeifTurn = { readonly quarters: number } | { readonly mirror: 'columns' | 'rows' };

interface Box {
  readonly type: string;
  readonly content: Buffer;
}

/** Version and flags, which the content of some boxes begins with. */
const FULL_BOX_BYTES = 4;

/** Far more boxes, and far more items, than any image has; the rest of a hostile file is not looked at. */
const MAX_BOXES = 4096;
const MAX_ITEMS = 0xffff;

/** Those of the primary item in the order in which the file lists them, which is the order in which libheif applies them. */
export function heifTurns(bytes: Buffer): readonly HeifTurn[] {
  return propertiesOf(bytes, (properties) => properties.flatMap(turnOf)) ?? [];
}

/** Whether `clap` takes away some of the primary item: libheif obeys it, and Pillow does not. */
export function isHeifCropped(bytes: Buffer): boolean {
  const isCropped = propertiesOf(bytes, (properties) => {
    const clap = contentOf(properties, 'clap');
    const ispe = contentOf(properties, 'ispe');
    if (clap.length === 0) return false;
    // Fractions: the width and the height, each a number and what divides it.
    return [0, 1].some((n) => clap.readUInt32BE(8 * n) !== clap.readUInt32BE(8 * n + 4) * ispe.readUInt32BE(4 + 4 * n));
  });
  return isCropped ?? false;
}

/** What `read` makes of the properties of the primary item; `undefined` where the boxes are damaged. */
function propertiesOf<Result>(bytes: Buffer, read: (properties: readonly Box[]) => Result): Result | undefined {
  try {
    const meta = contentOf(boxes(bytes), 'meta').subarray(FULL_BOX_BYTES);
    const inMeta = [...boxes(meta)];
    const properties = [...boxes(contentOf(inMeta, 'iprp'))];
    const all = [...boxes(contentOf(properties, 'ipco'))];
    const own = indices(contentOf(properties, 'ipma'), primaryItem(contentOf(inMeta, 'pitm')));
    return read(own.map((index) => all[index - 1]).filter((box) => box !== undefined));
  } catch (error) {
    // A number beyond the end of its box: the decoder says what is wrong with the file.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function turnOf(box: Box): HeifTurn[] {
  if (box.type === 'irot') return [{ quarters: box.content.readUInt8() & 3 }];
  if (box.type === 'imir') return [{ mirror: (box.content.readUInt8() & 1) === 1 ? 'columns' : 'rows' }];
  return [];
}

/** Boxes one after the other: a size in 4 bytes (0: to the end; 1: 8 bytes follow), a type and the content. */
function* boxes(bytes: Buffer): Generator<Box> {
  for (let at = 0, n = 0; at + 8 <= bytes.length && n < MAX_BOXES; n += 1) {
    const short = bytes.readUInt32BE(at);
    const header = short === 1 ? 16 : 8;
    const size = short === 0 ? bytes.length - at : short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short;
    if (size < header) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), content: bytes.subarray(at + header, at + size) };
    at += size;
  }
}

/** Of the first box of this type; empty where there is none. */
function contentOf(all: Iterable<Box>, type: string): Buffer {
  for (const box of all) if (box.type === type) return box.content;
  return Buffer.alloc(0);
}

function primaryItem(pitm: Buffer): number {
  return pitm.readUInt8() === 0 ? pitm.readUInt16BE(FULL_BOX_BYTES) : pitm.readUInt32BE(FULL_BOX_BYTES);
}

/** The properties of an item, as numbers from 1 into `ipco` (ISO/IEC 23008-12, 9.3.1). */
function indices(ipma: Buffer, item: number): number[] {
  const [wideItems, wideIndices] = [ipma.readUInt8() > 0, (ipma.readUInt8(3) & 1) === 1];
  const entries = Math.min(ipma.readUInt32BE(FULL_BOX_BYTES), MAX_ITEMS);
  let at = FULL_BOX_BYTES + 4;
  for (let entry = 0; entry < entries; entry += 1) {
    const id = wideItems ? ipma.readUInt32BE(at) : ipma.readUInt16BE(at);
    at += wideItems ? 4 : 2;
    const count = ipma.readUInt8(at);
    at += 1;
    const place = at;
    at += count * (wideIndices ? 2 : 1);
    if (id !== item) continue;
    // The highest bit says that a reader must know the property.
    return Array.from({ length: count }, (_, i) =>
      wideIndices ? ipma.readUInt16BE(place + 2 * i) & 0x7fff : ipma.readUInt8(place + i) & 0x7f,
    );
  }
  return [];
}

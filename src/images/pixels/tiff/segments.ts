/** The strips or tiles of a TIFF file, decoded, a group of them at a time: stored bytes, with differences undone. */

import type { Size } from '../rgb/geometry.js';
import { type JpegFrame, readFrame } from './jpeg.js';
import type { TiffLayout } from './layout.js';
import { addFloatNeighbours, addNeighbours } from './predictor.js';
import { reverseBits } from './samples.js';
import { Compression, isCcitt, Tag } from './tags.js';
import { type Coding, type Columns, decodeSegments, ViewBuffer, type ViewShape } from './view.js';
import { blockRowBytes } from './ycbcr.js';

/** Decoded bytes that are held at once: so many that a call of libvips is nothing beside them, and few beside a picture. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/** Segments that are decoded at once: each takes memory beside its bytes. */
const MAX_SEGMENTS = 4096;

/**
 * Encoded bytes that are looked at for each decoded one, and for each segment besides. No compression needs as many, and
 * files that give the rest of the file as the length of each strip are not copied as often as they have strips.
 */
const MAX_EXPANSION = 2;
const MAX_OVERHEAD = 65_536;

/** Of LZW, Deflate and PackBits libtiff only warns where all pixels are there: old LZW. */
const BYTES_CODING = { failOn: 'error' } as const;

/**
 * Of a fax libtiff only warns where a line is too short or too long, and where the data end before the lines do; libvips then
 * goes on as if they had been read. Whole faxes give no warning.
 */
const FAX_CODING = { failOn: 'warning' } as const;

export interface Group {
  /** The first segment, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** The segments one below the other, each of `segmentBytes`, the last of the image's strips with what it has. */
  readonly stored: Uint8Array;
}

/** Of a segment with all its planes, sample beside sample. */
export interface SegmentShape {
  readonly rowBytes: number;
  readonly segmentBytes: number;
}

/** A rectangle, in pixels of the stored picture. */
export interface Rectangle extends Size {
  readonly left: number;
  readonly top: number;
}

/** Whether libvips gives a byte for each sample, and RGB for YCbCr, instead of the bytes that were encoded. */
export function isDecodedToBytes(layout: TiffLayout): boolean {
  return layout.compression === Compression.Jpeg || isCcitt(layout.compression);
}

/** Whether the rows of a segment are rows of blocks of pixels. */
export function isInBlocks({ compression, colours }: TiffLayout): boolean {
  return colours.kind === 'ycbcr' && compression !== Compression.Jpeg && compression !== Compression.None;
}

export function segmentShape(layout: TiffLayout): SegmentShape {
  const plane = planeShape(layout);
  const rowBytes = plane.width * plane.samples * layout.planes;
  return { rowBytes, segmentBytes: rowBytes * plane.rowsPerStrip };
}

/** Where a segment lies; the last ones may go on beyond the picture. */
export function placeOf({ grid }: TiffLayout, segment: number): Rectangle {
  const [column, row] = [segment % grid.across, Math.floor(segment / grid.across)];
  return { left: column * grid.width, top: row * grid.height, width: grid.width, height: grid.height };
}

/** Whether libvips can leave columns out: of encoded strips whose samples it knows. */
export function canCutColumns({ grid, planes, compression }: TiffLayout): boolean {
  return grid.across === 1 && planes === 1 && compression !== Compression.None;
}

/**
 * All segments, in order; with `columns` only those columns of their pixels, where `canCutColumns` and a sample is a byte.
 * Ends with an Error where a segment is damaged or lies beyond the file.
 */
export async function* decodedSegments(file: Uint8Array, layout: TiffLayout, columns?: Columns): AsyncGenerator<Group> {
  const { grid, planes, compression } = layout;
  const all = grid.across * grid.down;
  // What is not encoded is not copied either: one segment at a time, where it lies in the file.
  const room = Math.max(1, Math.min(MAX_SEGMENTS, Math.floor(CHUNK_BYTES / segmentShape(layout).segmentBytes)));
  const perGroup = compression === Compression.None ? 1 : room;
  const buffer = new ViewBuffer();
  for (let first = 0; first < all; first += perGroup) {
    const end = Math.min(all, first + perGroup);
    const inPlanes: Uint8Array[] = [];
    for (let plane = 0; plane < planes; plane += 1) {
      const from = plane * all;
      const height = rowsOf(layout, first, end);
      inPlanes.push(await decodePlane(file, layout, { first: from + first, end: from + end, height, columns }, buffer));
    }
    yield { first, end, stored: planes === 1 ? (inPlanes[0] as Uint8Array) : interleave(inPlanes, layout) };
  }
}

/** One plane of one segment. Where bytes are decoded, they are shown as samples of pixels all the same: libvips is faster. */
function planeShape(layout: TiffLayout): Omit<ViewShape, 'height' | 'columns'> {
  const { grid, planes, colours, predictor } = layout;
  const samples = planes === 1 ? colours.samples : 1;
  if (isDecodedToBytes(layout)) return { width: grid.width, rowsPerStrip: grid.height, samples, predictor };
  if (isInBlocks(layout)) {
    const rowsPerStrip = Math.ceil(grid.height / colours.subsampling[1]);
    return { ...bytesAsSamples(blockRowBytes(grid.width, colours.subsampling)), rowsPerStrip };
  }
  if (predictor === 2 && colours.bits === 8 && (samples === 1 || samples === 3 || samples === 4)) {
    return { width: grid.width, rowsPerStrip: grid.height, samples, predictor };
  }
  return { ...bytesAsSamples(Math.ceil((grid.width * samples * colours.bits) / 8)), rowsPerStrip: grid.height };
}

/** Differences between them are not undone, because they are not what the differences are between. */
function bytesAsSamples(rowBytes: number): Pick<ViewShape, 'width' | 'samples' | 'predictor'> {
  const samples = rowBytes % 3 === 0 ? 3 : rowBytes % 4 === 0 ? 4 : 1;
  return { width: rowBytes / samples, samples, predictor: 1 };
}

/** Stored rows of so many segments. The last strip may have fewer than the others. */
function rowsOf(layout: TiffLayout, first: number, end: number): number {
  const { grid, height } = layout;
  const { rowsPerStrip } = planeShape(layout);
  if (grid.padded || end < grid.across * grid.down) return (end - first) * rowsPerStrip;
  const lastRows = height - (end - 1) * grid.height;
  return (
    (end - 1 - first) * rowsPerStrip + Math.ceil(lastRows / (isInBlocks(layout) ? layout.colours.subsampling[1] : 1))
  );
}

/** Some segments of a plane: `height` rows in all. */
interface Run {
  readonly first: number;
  readonly end: number;
  readonly height: number;
  readonly columns: Columns | undefined;
}

async function decodePlane(
  file: Uint8Array,
  layout: TiffLayout,
  { first, end, height, columns }: Run,
  buffer: ViewBuffer,
): Promise<Uint8Array> {
  const { grid, compression, fillOrder, predictor } = layout;
  const shape = { ...planeShape(layout), height };
  const rowBytes = shape.width * shape.samples;
  if (compression === Compression.None) {
    const stored = inside(file, grid.offsets[first] as number, rowBytes * height);
    return fillOrder === 2 ? reverseBits(stored) : stored;
  }
  const most = MAX_EXPANSION * rowBytes * shape.rowsPerStrip + MAX_OVERHEAD;
  const encoded = Array.from({ length: end - first }, (_, i) => {
    const segment = inside(file, grid.offsets[first + i] as number, grid.counts[first + i] as number);
    return segment.subarray(0, most);
  });
  const coding = codingOf(layout, encoded, shape);
  const stored = await decodeSegments(encoded, { ...shape, columns }, { ...layout, ...coding }, buffer);
  if (predictor !== shape.predictor) undoPredictor(stored, rowBytes, layout);
  return stored;
}

/** What the segments are decoded with that the file does not say. */
function codingOf(
  layout: TiffLayout,
  segments: readonly Uint8Array[],
  shape: Omit<ViewShape, 'columns'>,
): Pick<Coding, 'failOn'> & Partial<Coding> {
  if (layout.compression === Compression.Jpeg) return jpegCoding(layout, segments, shape);
  return isCcitt(layout.compression) ? FAX_CODING : BYTES_CODING;
}

/**
 * libtiff warns of JPEG that is damaged, but also of what Pillow takes as it is: frames that are progressive or taller than
 * their strip. So there damage has to go through. Subsampling that the file does not name is that of the first frame.
 *
 * @throws Error where a segment has no end, or is smaller than it should be.
 */
function jpegCoding(
  { colours, codecTags }: TiffLayout,
  segments: readonly Uint8Array[],
  { rowsPerStrip, width, height }: Omit<ViewShape, 'columns'>,
): Pick<Coding, 'failOn'> & Partial<Coding> {
  const frames = segments.map(readFrame);
  let isOdd = false;
  frames.forEach((frame, i) => {
    const rows = Math.min(rowsPerStrip, height - i * rowsPerStrip);
    if (frame.width < width || frame.height < rows)
      throw new Error('a JPEG strip or tile is smaller than it should be');
    isOdd ||= frame.progressive || frame.height > rows;
  });
  const { sampling } = frames[0] as JpegFrame;
  return {
    failOn: isOdd ? 'error' : 'warning',
    ...(colours.kind === 'ycbcr' && codecTags.length === 0
      ? { codecTags: [[Tag.YcbcrSubsampling, sampling]] as const }
      : {}),
  };
}

function inside(file: Uint8Array, offset: number, count: number): Uint8Array {
  // A strip that was left out has no place and no length.
  const isPlace = Number.isSafeInteger(offset) && Number.isSafeInteger(count) && offset > 0 && count > 0;
  if (!isPlace || offset + count > file.length) {
    throw new Error('a strip or tile is missing or lies beyond the end of the file');
  }
  return file.subarray(offset, offset + count);
}

function undoPredictor(
  stored: Uint8Array,
  rowBytes: number,
  { predictor, planes, colours, bigEndian }: TiffLayout,
): void {
  const undo = predictor === 2 ? addNeighbours : addFloatNeighbours;
  const row = { samples: planes === 1 ? colours.samples : 1, bits: colours.bits, bigEndian };
  for (let at = 0; at < stored.length; at += rowBytes) undo(stored.subarray(at, at + rowBytes), row);
}

/** Planes of whole bytes, sample beside sample. */
function interleave(planes: readonly Uint8Array[], layout: TiffLayout): Uint8Array {
  const bytes = isDecodedToBytes(layout) ? 1 : layout.colours.bits / 8;
  const result = new Uint8Array(planes.length * (planes[0] as Uint8Array).length);
  planes.forEach((plane, p) => {
    let to = p * bytes;
    for (let from = 0; from < plane.length; from += bytes) {
      for (let b = 0; b < bytes; b += 1) result[to + b] = plane[from + b] as number;
      to += planes.length * bytes;
    }
  });
  return result;
}

/**
 * When a photo was taken, by its EXIF data (CIPA DC-008: a TIFF structure of directories of tags). Hostile until parsed:
 * two directories are gone through once, and nothing is taken from outside the data.
 */

/** `Exif\0\0`, which stands before the TIFF structure in a JPEG. */
const PREFIX = Buffer.from('Exif\0\0');

/** The first four bytes of a TIFF structure: the order of its bytes, and 42. */
const LITTLE_ENDIAN = 'II*\0';
const BIG_ENDIAN = 'MM\0*';

/** A directory: the number of entries in 2 bytes, then for each a tag, a type, a count and a value or its place. */
const COUNT_BYTES = 2;
const ENTRY_BYTES = 12;

/** Types of values: text, and a number of 4 bytes. */
const ASCII = 2;
const LONG = 4;

/** Longest text that is read, in bytes: a date has 20 with its NUL. */
const MAX_TEXT_BYTES = 32;

/** Where the first directory says the second is. */
const EXIF_DIRECTORY = 0x8769;

/** Tags of a time and of its offset from UTC, best first; all but `DateTime` are in the second directory. */
const TIMES = [
  { time: 0x9003, offset: 0x9011 }, // DateTimeOriginal: the shutter
  { time: 0x9004, offset: 0x9012 }, // DateTimeDigitized: a scan
  { time: 0x0132, offset: 0x9010 }, // DateTime: the last change
] as const;

/** As ISO 8601, with the offset from UTC where it is known: `2019-05-04T13:45:00+02:00`. `null` without a sound date. */
export function timeTaken(exif: Buffer): string | null {
  const tags = readTags(exif.subarray(0, PREFIX.length).equals(PREFIX) ? exif.subarray(PREFIX.length) : exif);
  for (const { time, offset } of TIMES) {
    const local = isoTime(tags.get(time));
    if (local !== null) return local + isoOffset(tags.get(offset));
  }
  return null;
}

type Tags = Map<number, string | number>;

/** The texts and numbers of the first directory and of the one for photos. */
function readTags(tiff: Buffer): Tags {
  const tags: Tags = new Map();
  const order = tiff.toString('latin1', 0, LITTLE_ENDIAN.length);
  if ((order !== LITTLE_ENDIAN && order !== BIG_ENDIAN) || tiff.length < 8) return tags;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  const littleEndian = order === LITTLE_ENDIAN;
  readDirectory(view, littleEndian, view.getUint32(4, littleEndian), tags);
  const second = tags.get(EXIF_DIRECTORY);
  if (typeof second === 'number') readDirectory(view, littleEndian, second, tags);
  return tags;
}

function readDirectory(view: DataView, littleEndian: boolean, start: number, tags: Tags): void {
  if (start + COUNT_BYTES > view.byteLength) return;
  const first = start + COUNT_BYTES;
  const room = Math.floor((view.byteLength - first) / ENTRY_BYTES);
  const count = Math.min(view.getUint16(start, littleEndian), room);
  for (let entry = first; entry < first + count * ENTRY_BYTES; entry += ENTRY_BYTES) {
    const tag = view.getUint16(entry, littleEndian);
    const type = view.getUint16(entry + 2, littleEndian);
    const length = view.getUint32(entry + 4, littleEndian);
    const place = entry + 8;
    if (type === ASCII) {
      // Up to four bytes stand in the entry itself.
      tags.set(tag, textAt(view, length <= 4 ? place : view.getUint32(place, littleEndian), length));
    } else if (type === LONG && length === 1) {
      tags.set(tag, view.getUint32(place, littleEndian));
    }
  }
}

/** Up to its NUL; empty where it lies outside. */
function textAt(view: DataView, start: number, length: number): string {
  if (start + length > view.byteLength) return '';
  const bytes = Buffer.from(view.buffer, view.byteOffset + start, Math.min(length, MAX_TEXT_BYTES));
  return bytes.toString('latin1').replace(/\0.*/s, '').trim();
}

/** `2019:05:04 13:45:00` as ISO 8601. Cameras without a clock write zeros or blanks. */
function isoTime(text: string | number | undefined): string | null {
  const match = /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)$/.exec(String(text));
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const date = new Date(`${iso}.000Z`);
  const isReal = !Number.isNaN(date.getTime()) && date.toISOString() === `${iso}.000Z`;
  return isReal && Number(year) > 0 ? iso : null;
}

/** `+02:00`, or nothing where there is no sound offset. */
function isoOffset(text: string | number | undefined): string {
  return /^([+-](0\d|1[0-4]):[0-5]\d|Z)$/.test(String(text)) ? String(text) : '';
}

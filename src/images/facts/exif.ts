/** When a photo was taken, by its EXIF data (CIPA DC-008: a TIFF structure of directories of tags). */

import { openTiff, TiffDirectory } from '../ifd/directory.js';
import { withoutPrefix } from '../metadata/exif-prefix.js';

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
  const directories = directoriesOf(withoutPrefix(exif));
  for (const { time, offset } of TIMES) {
    const local = isoTime(textOf(directories, time));
    if (local !== null) return local + isoOffset(textOf(directories, offset));
  }
  return null;
}

/** The directory for photos, whose tags count more, and the first one. */
function directoriesOf(exif: Buffer): readonly TiffDirectory[] {
  const tiff = openTiff(exif);
  if (tiff === undefined) return [];
  const first = new TiffDirectory(tiff);
  const second = first.firstNumber(EXIF_DIRECTORY);
  return second === undefined ? [first] : [new TiffDirectory(tiff, second), first];
}

/** The text of a tag up to its NUL; empty where it is missing or is no text. */
function textOf(directories: readonly TiffDirectory[], tag: number): string {
  const value = directories.map((directory) => directory.value(tag)).find((found) => found !== undefined);
  return Buffer.isBuffer(value) ? value.toString('latin1', 0, MAX_TEXT_BYTES).replace(/\0.*/s, '').trim() : '';
}

/** `2019:05:04 13:45:00` as ISO 8601. Cameras without a clock write zeros or blanks. */
function isoTime(text: string): string | null {
  const match = /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const date = new Date(`${iso}.000Z`);
  const isReal = !Number.isNaN(date.getTime()) && date.toISOString() === `${iso}.000Z`;
  return isReal && Number(year) > 0 ? iso : null;
}

/** `+02:00`, or nothing where there is no sound offset. */
function isoOffset(text: string): string {
  return /^([+-](0\d|1[0-4]):[0-5]\d|Z)$/.test(text) ? text : '';
}

/**
 * Raw photos of cameras that are TIFF files: DNG, and Nikon's NEF, Sony's ARW, Samsung's SRW, Pentax's PEF and more. The
 * picture that stands first in most is a small preview, which Pillow gives without a word; here it is not taken for the photo.
 */

import { openTiff, TiffDirectory } from '../ifd/directory.js';

const NEW_SUBFILE_TYPE = 254;
const PHOTOMETRIC = 262;
const SUB_DIRECTORIES = 330;
const DNG_VERSION = 50706;

/** Bit of NewSubfileType: the picture is a smaller version of another one in the file (TIFF 6.0, section 8). */
const IS_PREVIEW = 1;

/** Photometric interpretations of a sensor's values: a mosaic of colours (TIFF/EP) and linear colours (DNG 1.6, chapter 4). */
const SENSOR: readonly (number | undefined)[] = [32803, 34892];

/** `undefined` for any other TIFF. */
export function rawTiff(bytes: Buffer): string | undefined {
  const tiff = openTiff(bytes);
  if (tiff === undefined) return undefined;
  const first = new TiffDirectory(tiff);
  if (first.value(DNG_VERSION) !== undefined) return 'a raw photo (DNG)';
  const places = first.value(SUB_DIRECTORIES);
  const others = places === undefined || Buffer.isBuffer(places) ? [] : places.map((at) => new TiffDirectory(tiff, at));
  const isPreview = others.length > 0 && ((first.firstNumber(NEW_SUBFILE_TYPE) ?? 0) & IS_PREVIEW) !== 0;
  return isPreview || [first, ...others].some(isOfSensor) ? 'a raw photo of a camera' : undefined;
}

function isOfSensor(directory: TiffDirectory): boolean {
  return SENSOR.includes(directory.firstNumber(PHOTOMETRIC));
}

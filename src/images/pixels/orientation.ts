/**
 * How an image is turned before it is looked at, as Pillow 13 turns it, whose reading of a file differs from libvips's:
 * `PIL.ImageOps.exif_transpose(image)` where photos are turned upright, and `image.load()` alone where they are not.
 */

import type { Metadata, Sharp } from 'sharp';
import { openTiff, TiffDirectory } from '../ifd/directory.js';
import type { EmbeddedBlocks } from '../metadata/blocks.js';
import { embeddedBlocks } from '../metadata/embedded.js';
import { withoutPrefix } from '../metadata/exif-prefix.js';
import { type HeifTurn, heifTurns } from '../metadata/heif.js';
import type { PhotoFormat } from '../sniff/sniff.js';
import type { Size } from './rgb/geometry.js';

/** EXIF's numbers (CIPA DC-008, 4.6.5.1.4): what is to be done to the pixels as stored. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The same as a mirror from left to right, where there is one, and after it quarters of a turn to the right. */
interface Turn {
  readonly quarters: number;
  readonly mirrored: boolean;
}

const TURNS: Readonly<Record<Orientation, Turn>> = {
  1: { quarters: 0, mirrored: false },
  2: { quarters: 0, mirrored: true },
  3: { quarters: 2, mirrored: false },
  4: { quarters: 2, mirrored: true },
  5: { quarters: 3, mirrored: true },
  6: { quarters: 1, mirrored: false },
  7: { quarters: 1, mirrored: true },
  8: { quarters: 3, mirrored: false },
};

const ORIENTATION = 0x0112;
/** A packet has some kilobytes; one with a preview in it has a few hundred. */
const MAX_XMP_BYTES = 16 * 1024 ** 2;

/**
 * What is still to be done to the pixels that the decoder gives. Pillow turns a TIFF as it loads it, always; libheif turns
 * an AVIF as it decodes it, always, which is undone where Pillow would not turn it.
 */
export function remainingTurn(
  bytes: Buffer,
  format: PhotoFormat,
  metadata: Pick<Metadata, 'exif' | 'xmp'>,
  autoOrient: boolean,
): Orientation {
  if (format === 'avif') {
    const turns = heifTurns(bytes);
    return between(combined(turns), autoOrient ? avifOrientation(turns, metadata) : 1);
  }
  return autoOrient || format === 'tiff' ? embeddedOrientation(embeddedBlocks(bytes, format)) : 1;
}

/** The size after a turn. */
export function turnedSize({ width, height }: Size, orientation: Orientation): Size {
  return orientation < 5 ? { width, height } : { width: height, height: width };
}

/**
 * A pipeline of sharp that turns first. Its own `autoOrient` is used where it does the same, because with it a JPEG can be
 * reduced while it is decoded.
 *
 * @param own What libvips takes for the orientation.
 */
export function turned(image: Sharp, orientation: Orientation, own = 1): Sharp {
  if (orientation === own) return orientation === 1 ? image : image.autoOrient();
  switch (orientation) {
    case 1:
      return image;
    // sharp mirrors before it rotates, and does either before it crops only where there is a rotation.
    case 2:
      return image.flip().rotate(180);
    case 4:
      return image.flop().rotate(180);
    default: {
      const { quarters, mirrored } = TURNS[orientation];
      return (mirrored ? image.flop() : image).rotate(quarters * 90);
    }
  }
}

/**
 * Pillow's `Image.getexif` (src/PIL/Image.py): the tag in EXIF, of any type of number, and where EXIF has no such tag, the
 * first digit that XMP gives. What is not from 2 to 8, and EXIF that is no TIFF structure, leaves the image as it is.
 */
function embeddedOrientation({ exif, xmp }: EmbeddedBlocks): Orientation {
  const data = exif === undefined ? undefined : withoutPrefix(exif);
  if (data === undefined || data.length === 0) return asOrientation(xmpNumber(xmp));
  const tiff = openTiff(data);
  if (tiff === undefined) return 1;
  const directory = new TiffDirectory(tiff);
  const isMissing = directory.value(ORIENTATION) === undefined;
  return asOrientation(isMissing ? xmpNumber(xmp) : directory.firstNumber(ORIENTATION));
}

/** Pillow's `AvifImageFile._open`: `irot` and then `imir` count more than the tag in EXIF, which only keeps XMP from counting. */
function avifOrientation(turns: readonly HeifTurn[], { exif, xmp }: EmbeddedBlocks): Orientation {
  const rotation = turns.find((turn) => 'quarters' in turn);
  const mirror = turns.find((turn) => 'mirror' in turn);
  const own = combined([rotation, mirror].filter((turn) => turn !== undefined));
  if (own !== 1) return own;
  const tiff = exif === undefined ? undefined : openTiff(withoutPrefix(exif));
  const tagged = tiff === undefined ? undefined : new TiffDirectory(tiff).value(ORIENTATION);
  return tagged === undefined ? asOrientation(xmpNumber(xmp)) : 1;
}

/** The digit after the first `tiff:Orientation="` or `<tiff:Orientation>`. */
function xmpNumber(xmp: Buffer | undefined): number | undefined {
  const digit = /tiff:Orientation(?:="|>)([0-9])/.exec(xmp?.toString('latin1', 0, MAX_XMP_BYTES) ?? '')?.[1];
  return digit === undefined ? undefined : Number(digit);
}

function asOrientation(value: number | undefined): Orientation {
  return value !== undefined && Object.hasOwn(TURNS, value) ? (value as Orientation) : 1;
}

/** One turn after the other. */
function combined(turns: readonly HeifTurn[]): Orientation {
  let all: Turn = TURNS[1];
  for (const turn of turns) {
    if ('quarters' in turn) all = after(all, { quarters: 4 - turn.quarters, mirrored: false });
    else all = after(all, TURNS[turn.mirror === 'columns' ? 2 : 4]);
  }
  return orientationOf(all);
}

/** What makes of an image that is turned by `from` one that is turned by `to`. */
function between(from: Orientation, to: Orientation): Orientation {
  const { quarters, mirrored } = TURNS[from];
  // A turn with a mirror undoes itself.
  return orientationOf(after({ quarters: mirrored ? quarters : 4 - quarters, mirrored }, TURNS[to]));
}

/** Two turns as one: a mirror reverses the direction of what came before it. */
function after(first: Turn, second: Turn): Turn {
  const quarters = second.quarters + (second.mirrored ? 4 - first.quarters : first.quarters);
  return { quarters: quarters % 4, mirrored: first.mirrored !== second.mirrored };
}

function orientationOf({ quarters, mirrored }: Turn): Orientation {
  const found = Object.entries(TURNS).find(([, turn]) => turn.quarters === quarters % 4 && turn.mirrored === mirrored);
  return asOrientation(Number(found?.[0]));
}

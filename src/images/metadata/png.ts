/** EXIF and XMP of a PNG: chunks before or after its pixels (PNG 3rd edition, 11.3.3 and 11.3.4.3), and texts of older tools. */

import { inflateSync } from 'node:zlib';
import type { EmbeddedBlocks } from './blocks.js';

/** A signature of 8 bytes; then chunks: the length of their data, a name, the data and a sum of 4 bytes. */
const SIGNATURE_BYTES = 8;
const CHUNK_HEADER_BYTES = 8;
const SUM_BYTES = 4;

/** As many as the largest file that is read has with 8 kB of pixels in each, and more; a hostile one can have empty ones. */
const MAX_CHUNKS = 1_000_000;

/** Texts that are looked for: XMP, and EXIF in hex as ImageMagick writes it. Pillow does not look at the last. */
const XMP = 'XML:com.adobe.xmp';
const RAW_EXIF = 'Raw profile type exif';
const RAW_APP1 = 'Raw profile type APP1';
const KEYWORDS: ReadonlySet<string> = new Set([XMP, RAW_EXIF, RAW_APP1]);

/** Longest keyword, in bytes (11.3.3.1). */
const MAX_KEYWORD_BYTES = 79;

/** Pillow's MAX_TEXT_CHUNK (src/PIL/PngImagePlugin.py), in bytes: more is not unpacked. */
const MAX_TEXT_BYTES = 1024 ** 2;

/** Lines of a raw profile before its hex digits: an empty one, the kind and the length. */
const RAW_PROFILE_LINES = 3;

interface TextChunk {
  readonly name: string;
  /** After the keyword and its NUL. */
  readonly rest: Buffer;
}

/**
 * The last chunk of a kind counts, as in Pillow. It stops where Pillow does: at the end, at a chunk whose name is not one,
 * and, after the pixels of an animation, at the next frame.
 */
export function readPngBlocks(bytes: Buffer): EmbeddedBlocks {
  let exif: Buffer | undefined;
  let pixels = false;
  const texts = new Map<string, TextChunk>();
  for (let at = SIGNATURE_BYTES, n = 0; at + CHUNK_HEADER_BYTES <= bytes.length && n < MAX_CHUNKS; n += 1) {
    const length = bytes.readUInt32BE(at);
    const name = bytes.toString('latin1', at + 4, at + CHUNK_HEADER_BYTES);
    at += CHUNK_HEADER_BYTES;
    if (name === 'IEND' || !/^[A-Za-z]{4}$/.test(name) || (pixels && name === 'fcTL')) break;
    if (at + length > bytes.length) break;
    const data = bytes.subarray(at, at + length);
    if (name === 'IDAT') pixels = true;
    else if (name === 'eXIf') exif = data;
    else if (name === 'tEXt' || name === 'zTXt' || name === 'iTXt') keepText(name, data, texts);
    at += length + SUM_BYTES;
  }
  return {
    exif: exif ?? rawProfile(texts.get(RAW_EXIF)),
    xmp: textOf(texts.get(XMP)),
    otherExif: rawProfile(texts.get(RAW_APP1)),
  };
}

function keepText(name: string, data: Buffer, texts: Map<string, TextChunk>): void {
  const end = data.subarray(0, MAX_KEYWORD_BYTES + 1).indexOf(0);
  const keyword = data.toString('latin1', 0, Math.max(end, 0));
  if (KEYWORDS.has(keyword)) texts.set(keyword, { name, rest: data.subarray(end + 1) });
}

/** `undefined` where it cannot be unpacked. Only the texts that count in the end are, so that many cannot cost much. */
function textOf(chunk: TextChunk | undefined): Buffer | undefined {
  if (chunk === undefined) return undefined;
  const { name, rest } = chunk;
  if (name === 'tEXt') return rest;
  // zTXt: the method of compression. iTXt: whether compressed, the method, a language and a translated keyword.
  if (name === 'zTXt') return unpacked(rest, 0, 1);
  const language = rest.indexOf(0, 2);
  const translation = language < 0 ? -1 : rest.indexOf(0, language + 1);
  if (translation < 0) return undefined;
  return rest[0] === 0 ? rest.subarray(translation + 1) : unpacked(rest, 1, translation + 1);
}

/** `method` is the place of the method of compression, of which there is only zlib's, 0. */
function unpacked(rest: Buffer, method: number, start: number): Buffer | undefined {
  if (rest[method] !== 0) return undefined;
  try {
    return inflateSync(rest.subarray(start), { maxOutputLength: MAX_TEXT_BYTES });
  } catch {
    return undefined;
  }
}

/** `undefined` where there are other characters than hex digits and white space. */
function rawProfile(chunk: TextChunk | undefined): Buffer | undefined {
  const lines = textOf(chunk)?.toString('latin1').split('\n') ?? [];
  const hex = lines.slice(RAW_PROFILE_LINES).join('').replace(/\s/g, '');
  return /^([0-9A-Fa-f]{2})+$/.test(hex) ? Buffer.from(hex, 'hex') : undefined;
}

/** The LZW codes of a GIF (GIF89a specification, appendix F), with Pillow's verdicts on damaged ones. */

/** Longest code, in bits, and the entries of a full table. */
const MAX_CODE_BITS = 12;
const MAX_CODES = 1 << MAX_CODE_BITS;

/**
 * Fills `pixels` with palette indices. The rules are those of Pillow's `ImagingGifDecode` (src/libImaging/GifDecode.c): a
 * sub-block counts only when all of it is there, what follows the last pixel is not looked at, and data that ends before
 * is no picture.
 *
 * @param bytes The file.
 * @param start Where the length of the first sub-block is.
 * @param rootBits The GIF's "LZW minimum code size": bits of a palette index.
 * @throws Error for codes that no encoder writes, and where the data ends before the last pixel.
 */
export function unpackLzw(bytes: Uint8Array, start: number, rootBits: number, pixels: Uint8Array): void {
  if (rootBits > MAX_CODE_BITS) throw new Error(`received codes of ${rootBits} bits`);
  const clear = 1 << rootBits;
  const end = clear + 1;
  // A code from `end + 1` on stands for the run of the code before it and one index more, which lie side by side in the
  // pixels: the table says where, and how many.
  const runStarts = new Uint32Array(MAX_CODES);
  const runLengths = new Uint16Array(MAX_CODES);
  let next = end + 1;
  let width = rootBits + 1;
  let lastStart = -1;
  let lastLength = 0;

  let at = start;
  let blockEnd = start;
  let held = 0;
  let heldBits = 0;
  for (let to = 0; to < pixels.length; ) {
    while (heldBits < width) {
      if (at === blockEnd) {
        blockEnd = at + 1 + (bytes[at] ?? 0);
        if (at >= bytes.length || blockEnd > bytes.length) throw new Error('received too little data');
      } else {
        held |= (bytes[at] as number) << heldBits;
        heldBits += 8;
      }
      at += 1;
    }
    const code = held & ((1 << width) - 1);
    held >>>= width;
    heldBits -= width;

    if (code === clear) {
      next = end + 1;
      width = rootBits + 1;
      lastStart = -1;
      continue;
    }
    if (code === end) throw new Error('received an end before the last pixel');
    const hasLast = lastStart >= 0;
    if (code > clear && (!hasLast || code > next || code >= MAX_CODES)) {
      throw new Error(`received the code ${code}, which has no meaning yet`);
    }

    let length = 1;
    if (code < clear) {
      pixels[to] = code;
    } else {
      // The newest code may come at once: its last index is its first, which is then just written.
      let from = code === next ? lastStart : (runStarts[code] as number);
      length = Math.min(code === next ? lastLength + 1 : (runLengths[code] as number), pixels.length - to);
      for (const stop = from + length, shift = to - from; from < stop; from += 1) {
        pixels[from + shift] = pixels[from] as number;
      }
    }
    if (hasLast && next < MAX_CODES) {
      runStarts[next] = lastStart;
      runLengths[next] = lastLength + 1;
      if (next === (1 << width) - 1 && width < MAX_CODE_BITS) width += 1;
      next += 1;
    }
    lastStart = to;
    lastLength = length;
    to += length;
  }
}

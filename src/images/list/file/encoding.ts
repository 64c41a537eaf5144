/** The encoding of a list of paths: UTF-16, which PowerShell's `>` writes, becomes UTF-8; other bytes stay as they are. */

import { usageError } from '../../../errors.js';
import { checkHead } from './kind.js';

/** Bytes in which a list shows what it is, where it has no line end before. */
const HEAD_BYTES = 4096;

const NEWLINE = 0x0a;

type Utf16 = 'utf-16le' | 'utf-16be';

/** The list's bytes in UTF-8, without a byte order mark. Throws a usage error for UTF-32, for UTF-16 with `nullSeparated`, and for another kind of file. */
export async function* listBytes(
  source: AsyncIterable<Uint8Array>,
  { nullSeparated }: { readonly nullSeparated: boolean },
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let decode: ((chunk?: Buffer) => Buffer) | undefined;
  const begin = (bytes: Buffer): Buffer => {
    if (!nullSeparated) checkHead(bytes);
    if (isUtf32(bytes)) throw refused('UTF-32', 'Expected paths in UTF-8 or UTF-16');
    const encoding = utf16Of(bytes, nullSeparated);
    if (encoding === undefined) return bytes;
    if (nullSeparated) {
      throw usageError(
        'Expected --files-from to hold paths separated by NUL but received lines in UTF-16.',
        'Leave out --null for a list with one path per line.',
      );
    }
    decode = utf16Decoder(encoding);
    return decode(bytes);
  };
  for await (const piece of source) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    if (head === undefined) {
      yield decode === undefined ? chunk : decode(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (!head.includes(nullSeparated ? 0 : NEWLINE) && head.length < HEAD_BYTES) continue;
    const first = begin(head);
    head = undefined;
    yield first;
  }
  if (head !== undefined) yield begin(head);
  if (decode !== undefined) yield decode();
}

/** The sentence for an encoding, and what to type. */
function refused(encoding: string, expected: string): Error {
  return usageError(
    `${expected} from --files-from but received ${encoding}.`,
    `Type iconv -f ${encoding} -t UTF-8 LIST | vgg16 classify --files-from -`,
  );
}

/** By its byte order mark: a path begins with neither NUL nor, as UTF-16 would read it, with one after a mark. */
function isUtf32(head: Buffer): boolean {
  const mark = head.toString('latin1', 0, 4);
  return mark === '\xff\xfe\0\0' || mark === '\0\0\xfe\xff';
}

/**
 * By its byte order mark, as long as there is a NUL besides: a file name may begin with any bytes, but has none, and text
 * in UTF-16 has one in each line end. Without a mark the first line tells: NULs in the upper halves of its characters
 * alone, in at least half of them, are no list of another kind.
 */
function utf16Of(head: Buffer, nullSeparated: boolean): Utf16 | undefined {
  const mark = head.toString('latin1', 0, 2);
  if (mark === '\xff\xfe' || mark === '\xfe\xff') {
    if (!head.includes(0)) return undefined;
    return mark === '\xff\xfe' ? 'utf-16le' : 'utf-16be';
  }
  if (nullSeparated) return undefined;
  const end = head.indexOf(NEWLINE);
  const line = end === -1 ? head : head.subarray(0, end + 1);
  const zeros = [0, 0];
  for (const [i, byte] of line.entries()) if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if ((even + odd) * 4 < line.length - 1 || (even > 0 && odd > 0) || even + odd === 0) return undefined;
  return odd > 0 ? 'utf-16le' : 'utf-16be';
}

/** Takes chunks of UTF-16 cut anywhere, and nothing at the end; gives UTF-8. */
function utf16Decoder(encoding: Utf16): (chunk?: Buffer) => Buffer {
  // TextDecoder knows the other byte order only where Node has all of ICU.
  const decoder = new TextDecoder('utf-16le', { fatal: true });
  let odd: Buffer = Buffer.alloc(0);
  return (chunk) => {
    try {
      if (chunk === undefined) {
        decoder.decode(odd);
        return Buffer.alloc(0);
      }
      const bytes = Buffer.concat([odd, chunk]);
      const even = bytes.length - (bytes.length % 2);
      odd = bytes.subarray(even);
      const pairs = bytes.subarray(0, even);
      return Buffer.from(decoder.decode(encoding === 'utf-16be' ? pairs.swap16() : pairs, { stream: true }));
    } catch {
      throw usageError(
        'Expected paths in UTF-8 or UTF-16 from --files-from but received UTF-16 that is damaged or cut off.',
        'Write the list anew, best in UTF-8: in PowerShell with Out-File -Encoding utf8.',
      );
    }
  };
}

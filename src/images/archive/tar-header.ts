/** The headers of a tar archive: blocks of 512 bytes, and the records of pax (POSIX.1-2017, pax, "ustar" and "pax" formats). */

/** Headers and contents come in blocks of this many bytes; blocks of zeros end the archive. */
export const BLOCK_BYTES = 512;

const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);
const SPACE = 0x20;

/** Magic and version of an archive in GNU's own format: it has no prefix, and sparse files of its own. */
const GNU_MAGIC = 'ustar  \0';

export interface TarHeader {
  /** A byte string (see byte-strings.ts). */
  readonly name: string;
  /** One character: `0` a file, `1` a hard link … */
  readonly type: string;
  /** What a link leads to. */
  readonly link: string;
  /** Bytes that follow. */
  readonly size: number;
  readonly isGnu: boolean;
}

export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZERO_BLOCK);
}

/** `undefined` for a block that is no header: its checksum or its size is wrong. */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (block.length < BLOCK_BYTES || !hasChecksum(block)) return undefined;
  const size = numberAt(block, 124, 12);
  if (size === undefined) return undefined;
  const magic = block.toString('latin1', 257, 265);
  // Only POSIX's own magic says that a prefix follows: others have something else in that place.
  const prefix = magic.startsWith('ustar\0') ? textAt(block, 345, 155) : '';
  const name = textAt(block, 0, 100);
  const flag = block.toString('latin1', 156, 157);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: flag === '\0' ? '0' : flag, // the seventh edition of Unix has no types but links
    link: textAt(block, 157, 100),
    size,
    isGnu: magic === GNU_MAGIC,
  };
}

/** The bytes of a field up to the first NUL. */
export function textAt(block: Buffer, start: number, length: number): string {
  return untilNul(block.toString('latin1', start, start + length));
}

export function untilNul(text: string): string {
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

/**
 * Octal digits, or, where the first bit is set, a number in base 256 (GNU's extension, for 8 GiB and more). `undefined`
 * for what is neither, is negative, or is more than a double holds exactly.
 */
export function numberAt(block: Buffer, start: number, length: number): number | undefined {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = untilNul(field.toString('latin1')).trim();
  if (!/^[0-7]*$/.test(digits)) return undefined;
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** The sum of the bytes, those of the checksum taken as spaces. Old programs have added them as signed numbers. */
function hasChecksum(block: Buffer): boolean {
  let sum = 8 * SPACE;
  let signed = sum;
  for (let i = 0; i < BLOCK_BYTES; i += 1) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    sum += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const stated = numberAt(block, 148, 8);
  return stated === sum || stated === signed;
}

/** A record of an extended header: bytes, whatever the standard says of UTF-8, as file names are. */
export type PaxRecord = readonly [key: string, value: string];

/** The records of a pax header, `<length> <key>=<value>\n` each; `undefined` where they make no sense. */
export function parsePax(bytes: Buffer): readonly PaxRecord[] | undefined {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const space = bytes.indexOf(SPACE, at);
    const digits = space === -1 ? '' : bytes.toString('latin1', at, space);
    const end = at + Number(digits);
    if (!/^\d{1,10}$/.test(digits) || end > bytes.length || end <= space + 1) return undefined;
    const text = bytes.toString('latin1', space + 1, end - 1); // without its line end
    const equals = text.indexOf('=');
    if (equals < 1) return undefined;
    records.push([text.slice(0, equals), text.slice(equals + 1)]);
    at = end;
  }
  return records;
}

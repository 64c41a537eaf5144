/** Makes archives in memory, good ones and hostile ones, byte by byte. */

import { crc32, deflateRawSync } from 'node:zlib';

const BLOCK = 512;

export interface TarEntry {
  /** Up to 100 bytes; text or raw bytes. */
  readonly name: string | Buffer;
  readonly body?: Buffer | string;
  /** The header's type: `0` a file, `1` a hard link, `2` a symbolic link, `5` a folder, `L` a GNU long name, `x` pax. */
  readonly type?: string;
  /** What the header says, where that is not the body's length. */
  readonly size?: number;
  /** Up to 100 bytes: what a link leads to. */
  readonly link?: string;
}

export const TAR_END = Buffer.alloc(2 * BLOCK);

/** A tar archive (POSIX.1-1988 ustar) with its end. */
export function tar(...entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), TAR_END]);
}

export function tarEntry({ name, body = '', type = '0', size, link = '' }: TarEntry): Buffer {
  const bytes = Buffer.from(body as Buffer);
  const header = Buffer.alloc(BLOCK);
  Buffer.from(name as Buffer).copy(header, 0);
  header.write('0000644\0', 100);
  header.write(`${(size ?? bytes.length).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(`        ${type}`, 148);
  header.write(link, 157);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

/** A name of any length, as GNU tar writes it: an entry of its own before the file's. */
export function gnuLongName(name: string | Buffer): TarEntry {
  return { name: '././@LongLink', type: 'L', body: Buffer.concat([Buffer.from(name as Buffer), Buffer.alloc(1)]) };
}

/** The same as pax has it. */
export function paxPath(name: string): TarEntry {
  return pax({ path: name });
}

/** Records of pax for the next member (`x`), or for all that follow (`g`). A value is text or raw bytes. */
export function pax(records: Readonly<Record<string, string | Buffer>>, type: 'x' | 'g' = 'x'): TarEntry {
  const body = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as Buffer), Buffer.from('\n')]);
    let length = rest.length;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return { name: 'PaxHeaders/x', type, body: Buffer.concat(body) };
}

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly body?: Buffer | string;
  readonly stored?: boolean;
  readonly flags?: number;
  /** The compression method that the headers name. */
  readonly method?: number;
  /** Bytes unpacked, as the headers say. */
  readonly size?: number;
  readonly crc?: number;
  /** `st_mode` of a file made on Unix; without, the archive is one of MS-DOS. */
  readonly mode?: number;
  /** Extra fields of the central directory. */
  readonly extra?: Buffer;
}

/** A ZIP archive (APPNOTE.TXT 4.3): local headers with data, the central directory, its end. */
export function zip(...entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name as Buffer);
    const body = Buffer.from((entry.body ?? '') as Buffer);
    const data = entry.stored === true ? body : deflateRawSync(body);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(entry.flags ?? 0, 2);
    common.writeUInt16LE(entry.method ?? (entry.stored === true ? 0 : 8), 4);
    common.writeUInt32LE(entry.crc ?? crc32(body), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(entry.size ?? body.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    const extra = entry.extra ?? Buffer.alloc(0);
    rest.writeUInt32LE(((entry.mode ?? 0) * 0x10000) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const madeOn = Buffer.from([20, entry.mode === undefined ? 0 : 3]);
    locals.push(Buffer.from('PK\x03\x04'), common, name, data);
    const listed = Buffer.from(common);
    listed.writeUInt16LE(extra.length, 24);
    central.push(Buffer.from('PK\x01\x02'), madeOn, listed, rest, name, extra);
    offset += 4 + common.length + name.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end]);
}

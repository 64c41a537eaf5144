/** The members of a ZIP archive, by its central directory. */

import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { ImageError } from '../../errors.js';
import { toByteString } from '../files/byte-strings.js';
import { type InputFile, MAX_FILE_BYTES, readAll, tooLarge } from '../files/read.js';
import { type ArchiveMember, damagedArchive, specialError, symlinkMember, unreadableMember } from './member.js';

/** Compression methods (APPNOTE.TXT 4.4.5) that are read. */
const STORED = 0;
const DEFLATED = 8;

/** Names of those that people have (4.4.5). */
const METHOD_NAMES: Readonly<Record<number, string>> = {
  6: 'imploding',
  9: 'Deflate64',
  12: 'bzip2',
  14: 'LZMA',
  93: 'Zstandard',
  95: 'XZ',
  96: 'a JPEG variant',
  98: 'PPMd',
  99: 'AES encryption',
};

/** What made the archive (4.4.2): on Unix and macOS the upper half of the external attributes is a file's `st_mode`. */
const UNIX = 3;
const MACOS = 19;
/** With this attribute 7-Zip says the same, whatever it claims to run on. */
const HAS_MODE = 0x8000;
const TYPE_MASK = 0o170000;
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;
const SYMLINK = 0o120000;

/** Info-ZIP's extra field for a name in UTF-8 beside one in another encoding (4.6.9): version, CRC-32 of that one, name. */
const UNICODE_PATH = 0x7075;
const UNICODE_PATH_VERSION = 1;

/** What yauzl says of archives that are whole but of a kind that it does not read. */
const UNSUPPORTED = /encryption|multi-disk/;

/** Node's own since 20.15. */
const crc32: typeof zlib.crc32 | undefined = zlib.crc32;

const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

/**
 * All members but folders in the order of the central directory. A member that cannot be unpacked fails alone; a directory that
 * cannot be read to its end fails the archive.
 *
 * @throws ImageError after the members before the fault; an error of the file system as it is.
 */
export async function* zipMembers(file: InputFile): AsyncGenerator<ArchiveMember> {
  const reader = new HandleReader(file.handle);
  try {
    const zip = await fromRandomAccessReaderPromise(reader, file.size, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: false,
    });
    for await (const entry of zip.eachEntry()) {
      const found = member(zip, entry, file);
      if (found !== undefined) yield found;
    }
  } catch (error) {
    if (reader.failure !== undefined) throw reader.failure;
    const { message } = error as Error;
    throw UNSUPPORTED.test(message) ? unsupported(message) : damagedArchive('ZIP', error);
  }
}

/** `undefined` for a folder, whatever its name. */
function member(zip: ZipFile, entry: Entry, file: InputFile): ArchiveMember | undefined {
  const name = nameOf(entry);
  const size = entry.uncompressedSize;
  switch (typeOf(entry)) {
    case 0:
    case REGULAR_FILE:
      return {
        name,
        size,
        isSymlink: false,
        skip: async () => {},
        read: async () => {
          try {
            return await unpack(zip, entry, file);
          } catch (error) {
            return error instanceof ImageError ? error : damagedMember(error);
          }
        },
      };
    case FOLDER:
      return undefined;
    case SYMLINK:
      return symlinkMember(name);
    default:
      return unreadableMember(name, size, specialError());
  }
}

/** The type in `st_mode`; 0 where the archive has none, and names of folders end with a slash. */
function typeOf(entry: Entry): number {
  const hasMode = isUnix(entry) || (entry.externalFileAttributes & HAS_MODE) !== 0;
  return hasMode ? (entry.externalFileAttributes >>> 16) & TYPE_MASK : 0;
}

/**
 * The name's bytes as they are, whatever their encoding, unless the archive has them in UTF-8 too; some programs on
 * Windows write its separators.
 */
function nameOf(entry: Entry): string {
  const name = unicodeName(entry) ?? entry.fileNameRaw.toString('latin1');
  return isUnix(entry) ? name : name.replaceAll('\\', '/');
}

function unicodeName({ extraFields, fileNameRaw }: Entry): string | undefined {
  const field = extraFields.find(({ id }) => id === UNICODE_PATH)?.data;
  if (field === undefined || field.length < 6 || field[0] !== UNICODE_PATH_VERSION || crc32 === undefined)
    return undefined;
  // Another checksum: a program has renamed the file, and did not know of this field.
  return crc32(fileNameRaw) === field.readUInt32LE(1) ? toByteString(field.subarray(5)) : undefined;
}

function isUnix({ versionMadeBy }: Entry): boolean {
  return [UNIX, MACOS].includes(versionMadeBy >>> 8);
}

async function unpack(zip: ZipFile, entry: Entry, { handle }: InputFile): Promise<Buffer> {
  const { uncompressedSize: size, compressedSize, compressionMethod: method } = entry;
  if (entry.isEncrypted()) throw unsupported('encryption');
  if (method !== STORED && method !== DEFLATED)
    throw unsupported(METHOD_NAMES[method] ?? `compression method ${method}`);
  const largest = Math.max(size, compressedSize);
  if (largest > MAX_FILE_BYTES) throw tooLarge(largest);
  // Checks that the data lies within the file, so that no more is allocated than there is.
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = await readAll(handle, compressedSize, fileDataStart);
  const bytes = method === STORED ? packed : await inflate(packed, size);
  if (bytes.length !== size || (crc32 !== undefined && crc32(bytes) !== entry.crc32)) throw damagedMember();
  return bytes;
}

/** Never makes more than the `size` that the archive declares. */
async function inflate(packed: Buffer, size: number): Promise<Buffer> {
  try {
    return await inflateRaw(packed, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new ImageError(
      'TOO_LARGE',
      `Expected the ${size} bytes that the archive declares but there are more.`,
      error,
    );
  }
}

function unsupported(what: string): ImageError {
  return new ImageError(
    'UNSUPPORTED_FORMAT',
    `Expected a ZIP archive's file that is stored or deflated but received ${what}.`,
  );
}

function damagedMember(cause?: unknown): ImageError {
  return new ImageError('DECODE_FAILED', 'Expected a whole file in the ZIP archive but its data is damaged.', cause);
}

/** yauzl's view of a file that is open already and stays so. Keeps the file system's error, which yauzl may rephrase. */
class HandleReader extends RandomAccessReader {
  failure: unknown;

  constructor(private readonly handle: FileHandle) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.handle.read(buffer, offset, length, position).then(
      ({ bytesRead }) => callback(null, bytesRead),
      (error: NodeJS.ErrnoException) => {
        if (error.syscall !== undefined) this.failure = error;
        callback(error);
      },
    );
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

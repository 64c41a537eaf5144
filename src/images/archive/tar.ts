/** The members of a tar archive, plain or packed with gzip, as they stream by. */

import { ImageError } from '../../errors.js';
import { MAX_FILE_BYTES, tooLarge } from '../files/read.js';
import { UNKNOWN_KIND } from '../sniff/other-kinds.js';
import { sniff } from '../sniff/sniff.js';
import { ByteReader, type ByteSource } from './byte-reader.js';
import {
  type ArchiveMember,
  damagedArchive,
  nameInside,
  notAnArchive,
  specialError,
  symlinkMember,
  unreadableMember,
} from './member.js';
import { readEntry, type TarEntry, wholeBlocks } from './tar-entry.js';
import { BLOCK_BYTES, isZeroBlock, type PaxRecord, parseHeader } from './tar-header.js';
import { NameTable } from './tar-links.js';
import { expandSparse } from './tar-sparse.js';

/**
 * What a packed archive is unpacked again for its hard links: so many times what was unpacked for its members, and in any
 * case so many bytes (a second's work). More is the time of an attack, or of links that lie badly.
 */
const MOST_REPEATS = 32;
const FREE_REPEATS = 256 * 1024 ** 2;

/**
 * All members but folders and what programs keep for themselves, in the archive's order. Little is kept: the chunk at
 * hand, what `read` collects, and where each name begins, for the hard links to come.
 *
 * @throws ImageError after the members that were whole: UNSUPPORTED_FORMAT when this is no tar archive, DECODE_FAILED
 *   when it is damaged or lacks its end. An error of the source is passed on as it is.
 */
export async function* tarMembers(source: ByteSource): AsyncGenerator<ArchiveMember> {
  const reader = new ByteReader(source);
  const globals: PaxRecord[] = [];
  const links = new HardLinks(source, globals);
  try {
    await checkHead(reader);
    for (let isEnded = false; ; ) {
      const before = reader.position;
      const entry = await readEntry(reader, globals);
      if (entry === undefined) {
        // Blocks of zeros may be followed by another archive; without any this one was cut off between two members.
        if (reader.position === before && isEnded) return;
        if (reader.position === before) throw damagedArchive('tar');
        isEnded = true;
        continue;
      }
      isEnded = false;
      const member = memberOf(entry, reader, links);
      links.add(entry);
      if (member !== undefined) yield member;
      if (!(await reader.moveTo(entry.data + wholeBlocks(entry.stored)))) throw damagedArchive('tar');
    }
  } finally {
    await reader.close();
    await links.close();
  }
}

/** Tells another kind of file from a tar archive that breaks off in its first block. */
async function checkHead(reader: ByteReader): Promise<void> {
  const head = await reader.peek(BLOCK_BYTES);
  if (head.length === 0) return;
  const kind = sniff(head);
  const isForeign = head.length === BLOCK_BYTES || 'format' in kind || kind.other !== UNKNOWN_KIND;
  if (isForeign && !isZeroBlock(head) && parseHeader(head) === undefined) throw notAnArchive(head);
}

/** `undefined` for what is no file by its nature: folders, and records of the programs that write archives. */
function memberOf(entry: TarEntry, reader: ByteReader, links: HardLinks): ArchiveMember | undefined {
  const { name, size, type } = entry;
  if (entry.isContinued) return unreadableMember(name, size, continuedError());
  switch (type) {
    case '0':
    case '7': // contiguous
    case 'S': // sparse
      // Archives from before there was a type for folders have only their names.
      return type === '0' && name.endsWith('/') ? undefined : fileMember(entry, reader);
    case '1':
      return links.member(entry);
    case '2':
      return symlinkMember(name);
    case '3':
    case '4':
    case '6':
      return unreadableMember(name, size, specialError());
    case '5':
    case 'A': // Solaris: access control list
    case 'D': // GNU: folder with its list
    case 'E': // Solaris: extended attributes
    case 'I': // star: what is known of a file, without the file
    case 'N': // GNU: long names as of old
    case 'V': // GNU: name of the volume
      return undefined;
    default:
      return unreadableMember(name, size, unknownError(type));
  }
}

function fileMember(entry: TarEntry, reader: ByteReader): ArchiveMember {
  return {
    name: entry.name,
    size: entry.size,
    isSymlink: false,
    read: () => contentOf(entry, reader),
    skip: async () => {
      if (!(await reader.moveTo(entry.data + entry.stored))) throw damagedArchive('tar');
    },
  };
}

/** The bytes of the file whose contents `reader` stands at. */
async function contentOf({ data, size, stored, sparse }: TarEntry, reader: ByteReader): Promise<Buffer | ImageError> {
  const largest = Math.max(size, stored);
  if (sparse === 'unknown' || largest > MAX_FILE_BYTES) {
    if (!(await reader.moveTo(data + stored))) throw damagedArchive('tar');
    return sparse === 'unknown' ? sparseError() : tooLarge(largest);
  }
  const bytes = await reader.take(stored);
  if (bytes.length < stored) throw damagedArchive('tar');
  return sparse === undefined ? bytes : expandSparse(sparse, bytes);
}

/** Hard links: names for the contents of members that have passed by. Those are read again, from where they are. */
class HardLinks {
  readonly #reader: ByteReader;
  readonly #isPacked: boolean;
  /** Where the file begins that a name stands for. */
  readonly #starts = new NameTable();
  /** Where the link before this one led to, and bytes passed over for all of them. */
  #last = 0;
  #repeated = 0;

  constructor(
    source: ByteSource,
    private readonly globals: readonly PaxRecord[],
  ) {
    this.#reader = new ByteReader(source);
    this.#isPacked = source.size === undefined;
  }

  /** Remembers a member: later links may name it. A link stands for what it leads to, as links to links do. */
  add({ name, type, link, start }: TarEntry): void {
    const target = type === '1' ? this.#starts.get(nameInside(link)) : start;
    if (target !== undefined) this.#starts.set(nameInside(name), target);
  }

  /** The link as a member with the contents of its file; to be called before it is added itself. */
  member({ name, size, link, start }: TarEntry): ArchiveMember {
    const target = this.#starts.get(nameInside(link));
    if (target === undefined) return unreadableMember(name, size, missingError());
    return {
      name,
      size,
      isSymlink: false,
      skip: async () => {
        this.#isTooFar(target, start);
      },
      read: async () => (this.#isTooFar(target, start) ? tooFarError() : await this.#contents(target)),
    };
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** Counts what reading the target costs, whether or not it is read: all shards then have the same rows. */
  #isTooFar(target: number, start: number): boolean {
    if (!this.#isPacked) return false;
    this.#repeated += target < this.#last ? target : target - this.#last;
    this.#last = target;
    return this.#repeated > Math.max(FREE_REPEATS, MOST_REPEATS * start);
  }

  async #contents(target: number): Promise<Buffer | ImageError> {
    try {
      await this.#reader.moveTo(target);
      const entry = await readEntry(this.#reader, [...this.globals]);
      if (entry === undefined) return missingError();
      const member = memberOf(entry, this.#reader, this);
      return member === undefined ? missingError() : await member.read();
    } catch (error) {
      if (error instanceof ImageError) return error; // the archive has changed since it passed by
      throw error;
    }
  }
}

function missingError(): ImageError {
  return new ImageError(
    'NOT_FOUND',
    'Expected the file that this hard link stands for before it in the tar archive but there is none.',
  );
}

function tooFarError(): ImageError {
  return new ImageError(
    'UNREADABLE',
    'Expected hard links in the order of their files in a packed tar archive but received some that would have it unpacked too often: unpack it with gunzip.',
  );
}

function continuedError(): ImageError {
  return new ImageError(
    'UNSUPPORTED_FORMAT',
    'Expected a whole file in the tar archive but received the rest of one that begins in another volume.',
  );
}

function sparseError(): ImageError {
  return new ImageError(
    'UNSUPPORTED_FORMAT',
    'Expected a file without holes, or with holes as GNU tar stores them, but received a sparse file of another kind.',
  );
}

function unknownError(type: string): ImageError {
  const shown = /^[\x21-\x7e]$/.test(type) ? type : `\\x${Buffer.from(type, 'latin1').toString('hex')}`;
  return new ImageError(
    'UNSUPPORTED_FORMAT',
    `Expected a regular file in the tar archive but received a member of type ${shown}.`,
  );
}

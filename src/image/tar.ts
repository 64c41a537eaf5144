/** The members of a tar archive, plain or packed with gzip, as they stream by. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, type ZlibOptions } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { toByteString } from './bytes.js';
import { sniff } from './format.js';
import { type ArchiveMember, damagedArchive, notAnArchive } from './member.js';
import { UNKNOWN_KIND } from './other-kinds.js';
import { MAX_FILE_BYTES, tooLarge } from './read.js';

/** Headers and contents come in blocks of this many bytes; blocks of zeros end the archive. */
const BLOCK_BYTES = 512;

/** Output of the inflater in one piece, in bytes. */
const INFLATED_BYTES = 64 * 1024;

/** For tar-stream: names are bytes, and archives from before there was a standard are archives too. */
const EXTRACT_OPTIONS: object = { filenameEncoding: 'latin1', allowUnknownFormat: true };

/** A member as tar-stream has it, with what its types leave out. */
interface Entry extends AsyncIterable<unknown> {
  readonly header: Header & {
    /** Where its contents begin, in bytes from the start. */
    readonly byteOffset: number;
    /** The records of its extended header. */
    readonly pax: { readonly path?: string } | null;
  };
  resume(): void;
}

/**
 * Regular files in the archive's order. Nothing is kept but the chunk at hand and what `read` collects.
 *
 * @throws ImageError after the members that were whole: UNSUPPORTED_FORMAT when this is no tar archive, DECODE_FAILED
 *   when it is damaged or lacks its end. An error of `chunks` is passed on as it is.
 */
export async function* tarMembers(chunks: AsyncIterable<Buffer>): AsyncGenerator<ArchiveMember> {
  const seen = new Watch(chunks);
  // One chunk ahead. An error of the source ends the stream here, so that what came before it is still taken apart.
  const source = Readable.from(seen.pass(), { objectMode: true, highWaterMark: 1 });
  const members = extract(EXTRACT_OPTIONS);
  source.pipe(members as unknown as NodeJS.WritableStream);
  let end = 0;
  const reason = (error: unknown) =>
    seen.failure ?? (end === 0 && seen.isForeign ? notAnArchive(seen.head) : damagedArchive('tar', error));
  try {
    for await (const entry of members as AsyncIterable<unknown> as AsyncIterable<Entry>) {
      const { header } = entry;
      const blocks = header.type === 'directory' ? 0 : Math.ceil(header.size / BLOCK_BYTES);
      end = header.byteOffset + blocks * BLOCK_BYTES;
      if (header.type === 'file' || header.type === 'contiguous-file') yield member(entry, reason);
      entry.resume();
    }
  } catch (error) {
    throw reason(error);
  } finally {
    source.destroy();
    members.destroy();
  }
  if (seen.failure !== undefined) throw seen.failure;
  if (!seen.endsAfter(end)) throw damagedArchive('tar');
}

/**
 * Unpacks gzip. Data that breaks off just ends, for the tar inside knows its own end. Each piece is taken before the next
 * is made: an error then comes after the same bytes in every run, however slow the consumer is.
 */
export async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const options: ZlibOptions & { readonly readableHighWaterMark: number } = {
    chunkSize: INFLATED_BYTES,
    finishFlush: constants.Z_SYNC_FLUSH,
    readableHighWaterMark: 1,
  };
  const gunzip = createGunzip(options);
  const feeding = pipeline(chunks, gunzip).catch(() => {}); // thrown by the loop over `gunzip` too
  try {
    yield* gunzip;
  } finally {
    gunzip.destroy();
    await feeding;
  }
}

/** `reason` says what it means that the stream of the contents broke off. */
function member(entry: Entry, reason: (error: unknown) => unknown): ArchiveMember {
  const { name, size, pax } = entry.header;
  const each = async (take: (part: Buffer) => void) => {
    try {
      for await (const part of entry) take(part as Buffer);
    } catch (error) {
      throw reason(error);
    }
  };
  const skip = () => each(() => {});
  return {
    // pax names are UTF-8 by definition, and tar-stream decodes them; bytes that are not have become U+FFFD by now.
    name: pax?.path ? toByteString(name) : name,
    size,
    skip,
    read: async () => {
      if (size > MAX_FILE_BYTES) {
        await skip();
        return tooLarge(size);
      }
      const parts: Buffer[] = [];
      await each((part) => parts.push(part));
      return Buffer.concat(parts);
    },
  };
}

/** Looks at the chunks that pass by: how they begin and end, and why there are no more of them. */
class Watch {
  /** The first block, or what there is of it. */
  head = Buffer.alloc(0);
  /** What the source failed with. */
  failure: unknown;
  #bytes = 0;
  #lastBlock = Buffer.alloc(0);

  constructor(private readonly chunks: AsyncIterable<Buffer>) {}

  /** The chunks; they end where the source fails. */
  async *pass(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of this.chunks) {
        if (this.#bytes < BLOCK_BYTES) this.head = Buffer.concat([this.head, chunk]).subarray(0, BLOCK_BYTES);
        this.#bytes += chunk.length;
        this.#lastBlock = Buffer.concat([this.#lastBlock, chunk.subarray(-BLOCK_BYTES)]).subarray(-BLOCK_BYTES);
        yield chunk;
      }
    } catch (error) {
      this.failure = error;
    }
  }

  /** Whether a block of zeros follows the last member. An archive without has been cut off between two members. */
  endsAfter(lastMember: number): boolean {
    return this.#bytes >= lastMember + BLOCK_BYTES && this.#lastBlock.every((byte) => byte === 0);
  }

  /** Whether this is another kind of file, and not a tar archive that breaks off in its first block. */
  get isForeign(): boolean {
    const kind = sniff(this.head);
    return this.#bytes >= BLOCK_BYTES || 'format' in kind || kind.other !== UNKNOWN_KIND;
  }
}

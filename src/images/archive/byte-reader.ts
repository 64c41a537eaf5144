/** Reads a file, or what is packed in one, from front to back, and again from an earlier place where that is needed. */

import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, type ZlibOptions } from 'node:zlib';
import { chunksOf, type InputFile } from '../files/read.js';

/** Output of the inflater in one piece, in bytes. */
const INFLATED_BYTES = 64 * 1024;

/** The same for what is damaged: less than a member of an archive, with its header, is lost. */
const SMALL_BYTES = 512;

const NOTHING = Buffer.alloc(0);

/** Where a reader's bytes come from. */
export interface ByteSource {
  /** How many bytes there are; unknown for what is packed, which can be read from its start only. */
  readonly size: number | undefined;
  /** The bytes from `start` on; `start` is 0 where `size` is unknown. */
  chunks(start: number): AsyncGenerator<Buffer>;
}

/** The bytes of an open file. */
export function fileSource({ handle, size }: InputFile): ByteSource {
  return { size, chunks: (start) => chunksOf(handle, start) };
}

/** What gzip has packed in an open file. */
export function gzipSource({ handle }: InputFile): ByteSource {
  return { size: undefined, chunks: () => gunzipped(handle) };
}

/** A place in a source. Nothing is kept but the chunk at hand. */
export class ByteReader {
  readonly #source: ByteSource;
  #chunks: AsyncGenerator<Buffer> | undefined;
  /** What was read last and not taken yet. */
  #rest: Buffer = NOTHING;
  #position = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes from the start of the source to what is taken next. */
  get position(): number {
    return this.#position;
  }

  /** The next `size` bytes, which stay the next; fewer where the source ends. */
  async peek(size: number): Promise<Buffer> {
    while (this.#rest.length < size) {
      const chunk = await this.#next();
      if (chunk === undefined) break;
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    }
    return this.#rest.subarray(0, size);
  }

  /** A copy of the next `size` bytes; fewer where the source ends. No more is allocated than there is. */
  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = size; missing > 0; ) {
      if (this.#rest.length === 0) this.#rest = (await this.#next()) ?? NOTHING;
      const part = this.#drop(missing);
      if (part.length === 0) break;
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Goes to `position`; resolves to whether the source has so many bytes. */
  async moveTo(position: number): Promise<boolean> {
    const { size } = this.#source;
    if (position < this.#position) await this.close();
    if (size !== undefined && position > this.#position + this.#rest.length) {
      await this.close();
      this.#position = position;
    }
    while (this.#position < position) {
      if (this.#rest.length === 0) this.#rest = (await this.#next()) ?? NOTHING;
      if (this.#drop(position - this.#position).length === 0) return false;
    }
    return size === undefined || position <= size;
  }

  /** Back to the start; lets go of what a started read holds. */
  async close(): Promise<void> {
    await this.#chunks?.return(undefined);
    this.#chunks = undefined;
    this.#rest = NOTHING;
    this.#position = 0;
  }

  #drop(most: number): Buffer {
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    this.#position += part.length;
    return part;
  }

  async #next(): Promise<Buffer | undefined> {
    this.#chunks ??= this.#source.chunks(this.#position);
    const { value, done } = await this.#chunks.next();
    return done === true ? undefined : value;
  }
}

/**
 * Unpacks gzip. Data that breaks off just ends, for the tar inside knows its own end. Where it is damaged zlib keeps what
 * it had made of the last piece to itself, which may be whole photos: they are unpacked again, in small pieces.
 */
async function* gunzipped(handle: FileHandle): AsyncGenerator<Buffer> {
  let given = 0;
  try {
    for await (const piece of inflated(handle, INFLATED_BYTES)) {
      given += piece.length;
      yield piece;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_') !== true) throw error;
    let seen = 0;
    for await (const piece of inflated(handle, SMALL_BYTES)) {
      const known = Math.min(Math.max(given - seen, 0), piece.length);
      seen += piece.length;
      if (known < piece.length) yield piece.subarray(known);
    }
  }
}

/** Each piece is taken before the next is made: an error comes after the same bytes in every run, however slow the consumer is. */
async function* inflated(handle: FileHandle, pieceBytes: number): AsyncGenerator<Buffer> {
  const options: ZlibOptions & { readonly readableHighWaterMark: number } = {
    chunkSize: pieceBytes,
    finishFlush: constants.Z_SYNC_FLUSH,
    readableHighWaterMark: 1,
  };
  const gunzip = createGunzip(options);
  const feeding = pipeline(chunksOf(handle), gunzip).catch(() => {}); // thrown by the loop over `gunzip` too
  try {
    yield* gunzip;
  } finally {
    gunzip.destroy();
    await feeding;
  }
}

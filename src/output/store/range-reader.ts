/** Bytes of a file by place, read in large pieces: rows are asked for mostly in their order. */

import type { FileHandle } from 'node:fs/promises';
import { openRegularFile } from '../files/read.js';

/** Bytes a read, at least. */
const PIECE_BYTES = 1 << 20;

/** Files that are open at the same time: a dataset has thousands of parts, a process on macOS 256 descriptors. */
const MAX_OPEN = 64;

/** Pieces in memory at the same time: as many shares are merged row by row without reading a piece twice. */
const MAX_PIECES = 256;

/** Readers with an open file, the one that was used last at the end. */
const opened = new Set<RangeReader>();

/** Readers with a piece, the one that was read last at the end. */
const filled = new Set<RangeReader>();

export class RangeReader {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #piece: Buffer = Buffer.alloc(0);
  #start = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Rejects where the file cannot be read. */
  static async open(path: string): Promise<RangeReader> {
    const reader = new RangeReader(path);
    await reader.#open();
    return reader;
  }

  /** Bytes `offset` … `offset + length`, valid until the next call; `undefined` where the file ends before. */
  async read(offset: number, length: number): Promise<Buffer | undefined> {
    const from = offset - this.#start;
    if (from >= 0 && from + length <= this.#piece.length) return this.#piece.subarray(from, from + length);
    const handle = await this.#open();
    // The length comes out of a file: it is believed as far as there are so many bytes.
    if (length > PIECE_BYTES && (await handle.stat()).size < offset + length) return undefined;
    const piece = Buffer.allocUnsafe(Math.max(PIECE_BYTES, length));
    let done = 0;
    while (done < piece.length) {
      const { bytesRead } = await handle.read(piece, done, piece.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    this.#keep(piece.subarray(0, done), offset);
    return done < length ? undefined : this.#piece.subarray(0, length);
  }

  async close(): Promise<void> {
    this.#drop();
    await this.#release();
  }

  #keep(piece: Buffer, start: number): void {
    filled.delete(this);
    filled.add(this);
    this.#piece = piece;
    this.#start = start;
    const [oldest] = filled;
    if (filled.size > MAX_PIECES && oldest !== undefined) oldest.#drop();
  }

  #drop(): void {
    filled.delete(this);
    this.#piece = Buffer.alloc(0);
    this.#start = 0;
  }

  /** Closes the file; it is opened again when more of it is asked for. */
  async #release(): Promise<void> {
    opened.delete(this);
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    opened.delete(this);
    opened.add(this);
    if (this.#handle !== undefined) return this.#handle;
    const [oldest] = opened;
    if (opened.size > MAX_OPEN && oldest !== undefined) await oldest.#release();
    try {
      this.#handle = await openRegularFile(this.#path);
      return this.#handle;
    } catch (error) {
      opened.delete(this);
      throw error;
    }
  }
}

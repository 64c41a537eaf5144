/**
 * Text files that are compressed by their name: `.gz` by zlib, `.zst` by Zstandard. A run writes plain text, so that it can
 * be continued anywhere; the file is made of it at the end, in one go and with fixed parameters, so that its bytes depend
 * on the rows alone and not on where a run was cut off.
 */

import { type FileHandle, open, rm } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { ExitCode, RunError } from '../../errors.js';
import { writeAll } from './pieces.js';
import { openForReading, readAt } from './read.js';
import { readZstd, writeZstd } from './zstd.js';

export type Compression = 'gzip' | 'zstd';

const BY_EXTENSION: Readonly<Record<string, Compression>> = { '.gz': 'gzip', '.zst': 'zstd' };

/** The extensions that mean compression. */
export const COMPRESSED_EXTENSIONS: readonly string[] = Object.keys(BY_EXTENSION);

/** Read and compressed at a time. */
const PIECE_BYTES = 1 << 20;

/** zlib's default: higher levels take much longer for a few percent. */
const GZIP_LEVEL = 6;

/** How a file of this name is compressed; `undefined` for plain text. */
export function compressionOf(name: string): Compression | undefined {
  return BY_EXTENSION[extname(name).toLowerCase()];
}

/** The name without the extension that means compression: `x.csv.gz` → `x.csv`. */
export function uncompressedName(name: string): string {
  return compressionOf(name) === undefined ? name : name.slice(0, -extname(name).length);
}

/**
 * Makes the new file `to` of the text in `from`, and syncs it to disk. The same text gives the same bytes. Rejects with the
 * system's own error, and leaves no file behind then.
 */
export async function compressFile(from: string, to: string, compression: Compression): Promise<void> {
  const { handle: source } = await openForReading(from, 'rows');
  try {
    await writeNew(to, compression === 'gzip' ? gzipped(source) : writeZstd(pieces(source)));
  } finally {
    await source.close();
  }
}

/**
 * Makes the new file `to` of what the compressed file `from` holds. Throws OUTPUT_FAILED where `from` is damaged or not
 * compressed in this way; rejects with the system's own error where `to` cannot be written, and with what `signal` was
 * aborted for. Leaves no file behind then.
 */
export async function decompressFile(
  from: string,
  to: string,
  compression: Compression,
  signal?: AbortSignal,
): Promise<void> {
  const { handle: source } = await openForReading(from, compression);
  try {
    const text = compression === 'gzip' ? gunzipped(source) : readZstd(source);
    await writeNew(to, sound(from, compression, text), signal);
  } finally {
    await source.close();
  }
}

async function writeNew(file: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      await writeAll(handle, chunk);
    }
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(file, { force: true });
    throw error;
  }
}

async function* pieces(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let done = 0; ; done += PIECE_BYTES) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const filled = await readAt(handle, piece, done);
    if (filled > 0) yield piece.subarray(0, filled);
    if (filled < PIECE_BYTES) return;
  }
}

/** Node writes no name and no time into the header (RFC 1952, MTIME 0). */
function gzipped(source: FileHandle): AsyncIterable<Buffer> {
  return throughStream(source, createGzip({ level: GZIP_LEVEL, chunkSize: PIECE_BYTES }));
}

async function* gunzipped(source: FileHandle): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: PIECE_BYTES });
  yield* throughStream(source, stream);
  // Node passes over what follows the last member.
  const { size } = await source.stat();
  if (size === 0 || stream.bytesWritten < size) throw new Error('something follows that is not compressed');
}

/** What a stream of zlib makes of a file. An error of either ends the iteration with it. */
async function* throughStream(source: FileHandle, stream: NodeJS.ReadWriteStream & Readable): AsyncGenerator<Buffer> {
  const fed = (async () => {
    for await (const piece of pieces(source)) {
      if (stream.destroyed) return;
      if (!stream.write(piece)) await drained(stream);
    }
    stream.end();
  })().catch((error: Error) => {
    stream.destroy(error);
  });
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    stream.destroy();
    await fed;
  }
}

/** Resolves when a stream takes more, or has ended. */
async function drained(stream: NodeJS.ReadWriteStream): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.on(event, done);
  });
}

/** Whatever a damaged file makes of the reader, it is the file's fault. */
async function* sound(file: string, compression: Compression, chunks: AsyncIterable<Uint8Array>) {
  try {
    yield* chunks;
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw new RunError('OUTPUT_FAILED', `Expected a whole ${compression} file but ${file} is none.`, {
      exitCode: ExitCode.Unexpected,
      cause: error,
    });
  }
}

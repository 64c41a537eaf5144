/**
 * Zstandard (RFC 8878), by @bokuweb/zstd-wasm, which compresses a buffer at a time: a file is a row of independent frames,
 * each of a fixed number of bytes of text, as the format allows. The zstd tool, pandas, DuckDB and Polars read them as one.
 */

import type { FileHandle } from 'node:fs/promises';
import { ExitCode, RunError } from '../../errors.js';
import { readAt } from './read.js';

/** Bytes of text in a frame, but for the last: larger ones are hardly smaller in sum. */
const FRAME_BYTES = 4 << 20;

/** The library's default. */
const LEVEL = 3;

const MAGIC = 0xfd2fb528;

/** Of a frame's header: magic number, descriptor, window, dictionary, content size (RFC 8878, 3.1.1.1). */
const MAX_HEADER_BYTES = 18;

const BLOCK_HEADER_BYTES = 3;

/** A frame that holds more is none of ours; it would be taken into memory whole. */
const MAX_FRAME_BYTES = 64 << 20;

/** In which the library starts, in milliseconds; where WebAssembly refuses it, it never says so. */
const START_MS = 60_000;

type Zstd = typeof import('@bokuweb/zstd-wasm');

/** The part of the browser's types that is needed; the whole of them would come with every other global of a browser. */
interface WebAssembly {
  readonly Memory: new (limits: { readonly initial: number }) => object;
}

let loaded: Promise<Zstd> | undefined;

/** Throws RUNTIME_MISSING where WebAssembly has no room: it wants 10 GB of addresses, which `ulimit -v` may not give. */
export async function loadZstd(): Promise<Zstd> {
  loaded ??= start().catch((error: unknown) => {
    loaded = undefined;
    throw new RunError(
      'RUNTIME_MISSING',
      `Expected WebAssembly, in which zstd runs, but it does not start here: ${error instanceof Error ? error.message : error}.`,
      {
        exitCode: ExitCode.Usage,
        hint: 'It does without a limit of addresses (ulimit -v); .gz needs none.',
        cause: error,
      },
    );
  });
  return loaded;
}

async function start(): Promise<Zstd> {
  // Throws what the library would print, before it waits for ever.
  const { Memory } = (globalThis as unknown as { WebAssembly: WebAssembly }).WebAssembly;
  new Memory({ initial: 1 });
  const zstd = await import('@bokuweb/zstd-wasm');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it has not started for ${START_MS / 1000} s`)), START_MS);
  });
  await Promise.race([zstd.init(), late]).finally(() => clearTimeout(timer));
  return zstd;
}

/** The frames of a text that comes in any pieces. */
export async function* writeZstd(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const zstd = await loadZstd();
  const frame = Buffer.allocUnsafe(FRAME_BYTES);
  let filled = 0;
  let frames = 0;
  for await (const piece of text) {
    for (let done = 0; done < piece.length; ) {
      const part = piece.subarray(done, done + FRAME_BYTES - filled);
      frame.set(part, filled);
      filled += part.length;
      done += part.length;
      if (filled < FRAME_BYTES) continue;
      yield zstd.compress(frame, LEVEL);
      frames += 1;
      filled = 0;
    }
  }
  // A file without a byte is no Zstandard file.
  if (filled > 0 || frames === 0) yield zstd.compress(frame.subarray(0, filled), LEVEL);
}

/** The text of a file's frames. Throws on what is damaged or cut off, as far as the format tells. */
export async function* readZstd(source: FileHandle): AsyncGenerator<Uint8Array> {
  const zstd = await loadZstd();
  const { size } = await source.stat();
  for (let place = 0; place < size; ) {
    const { bytes, text } = await measure(source, place);
    const frame = Buffer.allocUnsafe(bytes);
    if ((await readAt(source, frame, place)) < bytes) throw new Error('a frame is cut off');
    const found = zstd.decompress(frame);
    if (found.length !== text) throw new Error(`a frame of ${text} bytes holds ${found.length}`);
    if (found.length > 0) yield found;
    place += bytes;
  }
}

/** The length of the frame at `place`, by its header and those of its blocks, and how much text it says to hold. */
async function measure(source: FileHandle, place: number): Promise<{ readonly bytes: number; readonly text: number }> {
  const header = Buffer.alloc(MAX_HEADER_BYTES);
  await readAt(source, header, place);
  if (header.readUInt32LE() !== MAGIC) throw new Error('a frame does not begin like one');
  const descriptor = header.readUInt8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const hasSum = (descriptor & 4) !== 0;
  const sizeAt = 5 + (isSingle ? 0 : 1) + dictionaryBytes;
  const text = sizeBytes === 8 ? Number(header.readBigUInt64LE(sizeAt)) : sizeOf(header, sizeAt, sizeBytes);
  if (text === undefined || text > MAX_FRAME_BYTES) throw new Error('a frame is none of ours');
  let end = place + sizeAt + sizeBytes;
  const block = Buffer.alloc(BLOCK_HEADER_BYTES);
  for (let isLast = false; !isLast; ) {
    if ((await readAt(source, block, end)) < BLOCK_HEADER_BYTES) throw new Error('a frame is cut off');
    const said = block.readUIntLE(0, BLOCK_HEADER_BYTES);
    isLast = (said & 1) !== 0;
    const isRepeat = ((said >> 1) & 3) === 1;
    end += BLOCK_HEADER_BYTES + (isRepeat ? 1 : said >> 3);
  }
  const bytes = end + (hasSum ? 4 : 0) - place;
  if (bytes > MAX_FRAME_BYTES) throw new Error('a frame is none of ours');
  return { bytes, text };
}

/** A content size of fewer than eight bytes; the format takes 256 off what two bytes hold, since one byte holds less. */
function sizeOf(header: Buffer, at: number, bytes: number): number | undefined {
  if (bytes === 0) return undefined;
  return header.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

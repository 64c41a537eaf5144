/** Writes a new file piece by piece, in one loop: a stream would have an error event of its own that nobody may hear. */

import { type FileHandle, open } from 'node:fs/promises';

/** Bytes a write, at most: between two writes a signal is seen. */
const PIECE_BYTES = 8 << 20;

/** Throws the system's errors as they are, and the signal's reason when aborted. */
export async function writeNewFile(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const bytes of pieces) await writeAll(file, bytes, signal);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    signal?.throwIfAborted();
    const { bytesWritten } = await file.write(bytes, done, Math.min(PIECE_BYTES, bytes.length - done));
    done += bytesWritten;
  }
}

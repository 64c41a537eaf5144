/** Open files piece by piece: compared and copied in memory that does not grow with them. */

import { type FileHandle, open } from 'node:fs/promises';
import { readAt } from './read.js';

/** Read at a time. */
const PIECE_BYTES = 1 << 20;

/** Whether two files hold the same bytes, each from its own place to its end. */
export async function sameBytes(
  first: { readonly handle: FileHandle; readonly from: number },
  second: { readonly handle: FileHandle; readonly from: number },
): Promise<boolean> {
  const [x, y] = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)];
  for (let done = 0; ; done += PIECE_BYTES) {
    const filled = await readAt(first.handle, x, first.from + done);
    const other = await readAt(second.handle, y, second.from + done);
    if (filled !== other || x.compare(y, 0, filled, 0, filled) !== 0) return false;
    if (filled < PIECE_BYTES) return true;
  }
}

/** Writes all that `from` holds to the new file `to`, and syncs it to disk. Rejects with the system's own error. */
export async function copyTo(from: FileHandle, to: string): Promise<void> {
  const handle = await open(to, 'wx');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let done = 0; ; done += PIECE_BYTES) {
      const filled = await readAt(from, piece, done);
      await writeAll(handle, piece.subarray(0, filled));
      if (filled < PIECE_BYTES) break;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Appends all of `bytes`: the system may take fewer at a time. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
  }
}

/** The hash that names a weight file. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Bytes read at a time: large enough for the disk, small enough not to hold up the event loop. */
const CHUNK_BYTES = 1 << 20;

/** sha256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Writes a zip of yazl's as a new file. */

import type { Readable } from 'node:stream';
import type { ZipFile } from 'yazl';
import { writeNewFile } from './new-file.js';

/** `zip` has all of its members. Throws what a member or the system throws. */
export async function writeZip(zip: ZipFile, path: string, signal: AbortSignal | undefined): Promise<void> {
  const output = zip.outputStream as Readable;
  // An error of a member is yazl's own event, which would end the process; its stream would never end.
  zip.on('error', (error: Error) => output.destroy(error));
  zip.end();
  await writeNewFile(path, output, signal);
}

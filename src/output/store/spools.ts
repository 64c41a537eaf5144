/** The growing files of one attempt. */

import type { FileHandle } from 'node:fs/promises';
import { ExitCode, RunError } from '../../errors.js';
import { exists } from '../../exists.js';
import { copyTo } from '../files/pieces.js';

/** A file that only grows; open for reading too, since somebody may delete its name. */
export interface Spool {
  readonly path: string;
  readonly handle: FileHandle;
  bytes: number;
}

export interface OpenSpools {
  readonly text: Spool;
  readonly arrays: readonly Spool[];
  readonly journal: Spool;
}

export function allOf({ text, arrays, journal }: OpenSpools): readonly Spool[] {
  return [text, ...arrays, journal];
}

/**
 * Rejects where somebody has changed the length of a file that is being written: what is appended to it would not be whole
 * rows. Times say nothing, because the clocks of network disks differ.
 */
export async function expectUntouched(spools: OpenSpools): Promise<void> {
  for (const { path, handle, bytes } of allOf(spools)) {
    const { size } = await handle.stat();
    if (size === bytes) continue;
    throw new RunError('OUTPUT_FAILED', `Expected ${path} to have ${bytes} bytes but somebody has made it ${size}.`, {
      exitCode: ExitCode.Unexpected,
      hint: 'Type the same command with --resume: rows that are still whole are kept, the others computed again.',
    });
  }
}

export async function append(spool: Spool, bytes: Buffer): Promise<void> {
  await writeAt(spool.handle, bytes, spool.bytes);
  spool.bytes += bytes.length;
}

export async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Writes a spool again whose name somebody has deleted: as long as it is open, the system keeps what it holds. */
export async function restore({ path, handle }: Spool): Promise<void> {
  if (!(await exists(path))) await copyTo(handle, path);
}

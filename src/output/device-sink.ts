/** Text to a device or a pipe that is named by a path. */

import { writeSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { usageError } from '../errors.js';
import { outputFailed, reasonOf, type Sink } from './sink.js';

/** Opens a device or a pipe to write into; `undefined` for what is, or is to become, a regular file. */
export async function openDevice(file: string): Promise<Sink | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined || found.isFile() ? undefined : directSink(resolve(file));
}

async function directSink(path: string): Promise<Sink> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'w');
  } catch (error) {
    throw usageError(`Expected to write into ${path} but ${reasonOf(error)}.`);
  }
  try {
    // A device that is always full says so even to a write of nothing, before the work.
    writeSync(handle.fd, Buffer.alloc(0));
  } catch (error) {
    await handle.close().catch(() => {});
    throw outputFailed(path, error);
  }
  return {
    async write(text) {
      try {
        await handle.appendFile(text);
      } catch (error) {
        throw outputFailed(path, error);
      }
    },
    finish: () => handle.close(),
    abandon: () => handle.close().catch(() => {}),
  };
}

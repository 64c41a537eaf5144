/** The bytes of a download that have arrived so far: a file, its digest, and what the server said of the whole. */

import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';

/** Bytes a read when the part is hashed again. */
const CHUNK_BYTES = 1 << 20;

/** What the bytes are part of, kept beside them. */
export interface Whole {
  readonly url: string;
  /** A strong ETag, or the time of the last change; `null` where the server gives neither. */
  readonly validator: string | null;
  /** Bytes; `null` where the server does not say. */
  readonly total: number | null;
}

export class PartialDownload {
  readonly #path: string;
  readonly #algorithm: string;
  #file: FileHandle;
  #hash: Hash;
  #bytes = 0;
  #whole: Whole | undefined;
  #isMixed = false;

  private constructor(path: string, algorithm: string, file: FileHandle) {
    this.#path = path;
    this.#algorithm = algorithm;
    this.#file = file;
    this.#hash = createHash(algorithm);
  }

  /** Opens what an earlier attempt has left at `path`, or begins there; what is there is hashed. */
  static async open(path: string, algorithm: string): Promise<PartialDownload> {
    const file = await openPart(path);
    const part = new PartialDownload(path, algorithm, file);
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, part.#bytes);
        if (bytesRead === 0) break;
        part.#hash.update(buffer.subarray(0, bytesRead));
        part.#bytes += bytesRead;
      }
      if (part.#bytes > 0) {
        part.#isMixed = true;
        part.#whole = await readWhole(statePath(path));
      }
      return part;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  get whole(): Whole | undefined {
    return this.#whole;
  }

  /** Whether the bytes did not all come in one answer now, so that they may be of two different files. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** Of the bytes so far, in hex. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** The bytes to come are of another answer, which says this of the whole. */
  async begin(whole: Whole): Promise<void> {
    this.#isMixed ||= this.#bytes > 0;
    this.#whole = whole;
    const draft = `${statePath(this.#path)}.${randomBytes(4).toString('hex')}`;
    await writeFile(draft, JSON.stringify(whole), { flag: 'wx' });
    await rename(draft, statePath(this.#path));
  }

  async append(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, done);
      done += bytesWritten;
    }
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  /** Forgets all bytes. */
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    await rm(statePath(this.#path), { force: true });
    this.#hash = createHash(this.#algorithm);
    this.#bytes = 0;
    this.#whole = undefined;
    this.#isMixed = false;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * The file itself, for reading and appending. In a cache that several users share a link planted under the part's name would
 * have another file written to and emptied, and a pipe would be waited for: what is no regular file is taken away.
 */
async function openPart(path: string): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const openIt = () => open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
  const file = await openIt().catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP') return undefined;
    throw error;
  });
  if (file !== undefined) {
    const found = await file.stat();
    // A second name is a link of the other kind.
    if (found.isFile() && found.nlink <= 1) return file;
    await file.close();
  }
  await rm(path, { force: true });
  return openIt();
}

/** Removes what a download has left at `path`. */
export async function removePart(path: string): Promise<void> {
  await Promise.all([rm(path, { force: true }), rm(statePath(path), { force: true })]);
}

function statePath(path: string): string {
  return `${path}.json`;
}

/** `undefined` where there is none or it is damaged: then the bytes alone have to do. */
async function readWhole(path: string): Promise<Whole | undefined> {
  try {
    const { url, validator, total } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const isWhole =
      typeof url === 'string' &&
      (validator === null || typeof validator === 'string') &&
      (total === null || Number.isSafeInteger(total));
    return isWhole ? { url, validator: validator as string | null, total: total as number | null } : undefined;
  } catch {
    return undefined;
  }
}

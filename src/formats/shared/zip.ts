/** Members of a zip that are stored as they are, by their places in the file; and small ones whole. */

import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { modelError, RunError } from '../../errors.js';
import type { RandomAccessFile } from './random-access-file.js';
import { shown } from './shown.js';

export interface ZipPlace {
  readonly offset: number;
  readonly byteLength: number;
}

/** An open zip; `close` it. */
export class Zip {
  private constructor(
    readonly file: RandomAccessFile,
    readonly zip: ZipFile,
    readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Reads the directory. Throws MODEL_INVALID where it is damaged, has more than `most` members, or one twice. */
  static async open(file: RandomAccessFile, most: number): Promise<Zip> {
    const { path } = file;
    const zip = await translated(path, () => openPromise(path, { autoClose: false, strictFileNames: true }));
    try {
      if (zip.entryCount > most) {
        throw modelError(`Expected at most ${most} records but ${path} has ${zip.entryCount}.`);
      }
      const entries = new Map<string, Entry>();
      await translated(path, async () => {
        for await (const entry of zip.eachEntry()) {
          if (entries.has(entry.fileName)) {
            throw modelError(`The record ${shown(entry.fileName)} occurs twice in ${path}.`);
          }
          entries.set(entry.fileName, entry);
        }
      });
      return new Zip(file, zip, entries);
    } catch (error) {
      zip.close();
      throw error;
    }
  }

  /** Where a member lies. Throws MODEL_INVALID where it is missing, compressed, encrypted or cut off. */
  async place(name: string): Promise<ZipPlace> {
    const { path, bytes } = this.file;
    const entry = this.entries.get(name);
    if (entry === undefined) throw modelError(`${path} is damaged: its record ${shown(name)} is missing.`);
    if (entry.compressionMethod !== 0 || entry.isEncrypted() || entry.compressedSize !== entry.uncompressedSize) {
      throw modelError(
        `Expected the record ${shown(name)} of ${path} to be stored as it is but it is compressed or encrypted.`,
        { hint: 'Unpack it and pack it again with zip -0.' },
      );
    }
    const { fileDataStart: offset } = await translated(path, () =>
      this.zip.readLocalFileHeaderPromise(entry, { minimal: true }),
    );
    const byteLength = entry.uncompressedSize;
    if (offset + byteLength > bytes) {
      throw modelError(
        `${path} is truncated: ${offset + byteLength - bytes} bytes of its record ${shown(name)} are missing.`,
      );
    }
    return { offset, byteLength };
  }

  /** The text of a member, stored or deflated, of at most `most` bytes. Throws MODEL_INVALID, for damage too. */
  async text(name: string, most: number): Promise<string> {
    const { path } = this.file;
    const entry = this.entries.get(name);
    if (entry === undefined) throw modelError(`${path} is damaged: its record ${shown(name)} is missing.`);
    if (entry.uncompressedSize > most) {
      throw modelError(
        `Expected at most ${most} bytes in the record ${shown(name)} of ${path} but it has ${entry.uncompressedSize}.`,
      );
    }
    return await translated(path, async () => {
      const chunks: Buffer[] = [];
      // yauzl ends with an error where there is more than the directory says.
      for await (const chunk of await this.zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
    });
  }

  close(): void {
    this.zip.close();
  }
}

/** yauzl's errors as ours. */
async function translated<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RunError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw modelError(`${path} is damaged or truncated: as a zip, ${shown(reason).slice(1, -1)}.`, { cause: error });
  }
}

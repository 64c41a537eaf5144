/** What the readers of archives have in common: members, and what can be wrong with an archive. */

import { ImageError } from '../errors.js';
import { FORMAT_NAMES, sniff } from './format.js';

/** A regular file in an archive, as its reader meets it: good until the next one is asked for. */
export interface ArchiveMember {
  /** As in the archive, a byte string (see bytes.ts): of no meaning to a file system. */
  readonly name: string;
  /** Bytes unpacked, as the archive says. */
  readonly size: number;
  /**
   * Its bytes, or why there are none. Rejects when the archive itself ends or breaks inside of it, as `skip` does: the
   * same members then count for those who read them and for those who do not.
   */
  read(): Promise<Buffer | ImageError>;
  /** Passes over the bytes; called instead of `read`. */
  skip(): Promise<void>;
}

/** For an archive that breaks off or makes no sense. */
export function damagedArchive(kind: 'tar' | 'ZIP', cause?: unknown): ImageError {
  return new ImageError('DECODE_FAILED', `Expected a whole ${kind} archive but its data is damaged or cut off.`, cause);
}

/** For a file that does not begin as an archive does; `head` are its first bytes, unpacked by gzip where they were packed. */
export function notAnArchive(head: Buffer): ImageError {
  const kind = sniff(head);
  const received = 'format' in kind ? FORMAT_NAMES[kind.format] : kind.other;
  return new ImageError('UNSUPPORTED_FORMAT', `Expected a tar, tar.gz or ZIP archive but received ${received}.`);
}

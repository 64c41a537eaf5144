/** What the readers of archives have in common: members, and what can be wrong with an archive. */

import { ImageError } from '../../errors.js';
import { FORMAT_NAMES, sniff } from '../sniff/sniff.js';

/** A member of an archive that is no folder, as its reader meets it: good until the next one is asked for. */
export interface ArchiveMember {
  /** As in the archive, a byte string (see bytes.ts): of no meaning to a file system. */
  readonly name: string;
  /** Bytes unpacked, as the archive says. */
  readonly size: number;
  /** A symbolic link, of which there is nothing to read. */
  readonly isSymlink: boolean;
  /**
   * Its bytes, or why there are none. Rejects when the archive itself ends or breaks inside of it, as `skip` does: the
   * same members then count for those who read them and for those who do not.
   */
  read(): Promise<Buffer | ImageError>;
  /** Passes over the bytes; called instead of `read`. */
  skip(): Promise<void>;
}

/** A member that cannot be read, whatever it holds. */
export function unreadableMember(name: string, size: number, error: ImageError): ArchiveMember {
  return { name, size, isSymlink: false, read: async () => error, skip: async () => {} };
}

/** A symbolic link; who reads it all the same is told why not. */
export function symlinkMember(name: string): ArchiveMember {
  const error = new ImageError(
    'UNREADABLE',
    'Expected a regular file but received a symbolic link, which is not followed inside an archive.',
  );
  return { ...unreadableMember(name, 0, error), isSymlink: true };
}

/** For a device, pipe or socket that an archive holds. */
export function specialError(): ImageError {
  return new ImageError('UNREADABLE', 'Expected a regular file but this is a pipe, socket or device.');
}

/** A name as a path below the archive: what would lead out of it, or to the root, does not. */
export function nameInside(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
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

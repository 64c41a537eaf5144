/** Looks into an archive of images without unpacking it: tar, tar packed with gzip, ZIP. */

import { ImageError } from '../../errors.js';
import { toBuffer } from '../files/byte-strings.js';
import { isHiddenPath } from '../files/hidden.js';
import { emptyError, type InputFile, openRegular, readAll, readError } from '../files/read.js';
import { fileSource, gzipSource } from './byte-reader.js';
import { type ArchiveMember, damagedArchive, nameInside } from './member.js';
import { tarMembers } from './tar.js';
import { zipMembers } from './zip.js';

/** What was read of a member of an archive, before anyone asks for it: an archive streams by only once. */
export interface Member {
  /** Its bytes, or why there are none. */
  readonly content: Buffer | ImageError;
  /** Bytes unpacked, as the archive says. */
  readonly size: number;
  /** When the archive was last changed, in nanoseconds since 1970. */
  readonly archiveMtimeNs: bigint;
}

/** What an archive contributes to a list of images: a member, or, last, itself with what is wrong with it. */
export interface ArchiveEntry {
  /** The archive's path, a byte string (see byte-strings.ts). */
  readonly file: string;
  /** The same, followed by the member's name for a member. */
  readonly path: string;
  /** Missing where it was not asked for. */
  readonly member?: Member;
  readonly failure?: ImageError;
}

/** Why a member is passed over: it is an image with a hidden name, a link, has another extension, is excluded. */
export type PassedMember = 'hidden' | 'link' | 'other' | 'excluded';

export interface ArchiveFilter {
  /** Whether a member's path is one of an image. */
  readonly isImage: (path: string) => boolean;
  /** Whether a path is not to be looked at. */
  readonly excluded: (path: string) => boolean;
  /** Whether symbolic links are to have rows, which say that they are not followed; else they are passed over. */
  readonly followSymlinks: boolean;
  /** Told of each member that is passed over. */
  readonly onPassed: (why: PassedMember, path: string) => void;
  /** Whether the next entry's contents are to be read, asked once for each before it is yielded. */
  readonly isNextWanted: () => boolean;
}

/** First bytes of a gzip stream, and of a ZIP archive: with members, empty, or in parts. */
const GZIP = '\x1f\x8b';
const ZIP = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];

/** Bytes that tell the kind of archive. */
const HEAD_BYTES = 4;

/**
 * The images in the archive at `path` in its own order. Passed over are hidden names (see hidden.ts), folders, and
 * symbolic links as in a folder; what else is no regular file has an entry that says so. Never throws for what is wrong
 * with the archive: that is its last entry, under the archive's own path.
 */
export async function* archiveEntries(path: string, filter: ArchiveFilter): AsyncGenerator<ArchiveEntry> {
  let file: InputFile | undefined;
  try {
    file = await openRegular(toBuffer(path));
    for await (const member of await openMembers(file)) {
      const inside = nameInside(member.name);
      const shown = `${path}/${inside}`;
      if (member.name.endsWith('/')) continue; // a folder, whatever else the archive says
      const passed = whyPassed(member, inside, shown, filter);
      if (passed === 'hidden' && !filter.isImage(shown)) continue;
      if (passed !== undefined) filter.onPassed(passed, shown);
      else yield { file: path, path: shown, ...(await contents(member, file, filter.isNextWanted())) };
    }
  } catch (error) {
    yield { file: path, path, failure: failureOf(error as Error) };
  } finally {
    await file?.handle.close();
  }
}

function whyPassed(
  { isSymlink }: ArchiveMember,
  inside: string,
  shown: string,
  { isImage, excluded, followSymlinks }: ArchiveFilter,
): PassedMember | undefined {
  if (isHiddenPath(inside)) return 'hidden';
  if (isSymlink && !followSymlinks) return 'link';
  if (!isImage(shown)) return 'other';
  return excluded(shown) ? 'excluded' : undefined;
}

async function contents(member: ArchiveMember, { mtimeNs }: InputFile, wanted: boolean): Promise<{ member?: Member }> {
  if (wanted) return { member: { content: await member.read(), size: member.size, archiveMtimeNs: mtimeNs } };
  await member.skip();
  return {};
}

/** By content, whatever the extension says. */
async function openMembers(file: InputFile): Promise<AsyncGenerator<ArchiveMember>> {
  if (file.size === 0) throw emptyError('an archive');
  const head = await readAll(file.handle, Math.min(HEAD_BYTES, file.size));
  const starts = (signature: string) => head.toString('latin1', 0, signature.length) === signature;
  if (starts(GZIP)) return tarMembers(gzipSource(file));
  if (ZIP.some(starts)) return zipMembers(file);
  return tarMembers(fileSource(file));
}

function failureOf(error: NodeJS.ErrnoException): ImageError {
  if (error instanceof ImageError) return error;
  return error.code?.startsWith('Z_') ? damagedArchive('tar', error) : readError(error);
}

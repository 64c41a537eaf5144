/** Tells whether an input is still the one that a row was made from: for runs that go on where another ended. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { ImageError } from '../../errors.js';
import type { Member } from '../archive/archive.js';
import { isMissing } from '../files/read.js';
import type { ImageFile } from './find.js';

/** Hex digits of the sha256 that tell members apart: 64 bits. */
const DIGITS = 16;

/**
 * `<bytes>:<mtime in ns>` of a file, links followed; `sha256:<digits>` of a file in an archive, whose name, size and time
 * others there can share and whose bytes have been read anyway. `missing` where there is nothing, `unreadable:<code>` where the system does not say. Never rejects.
 */
export async function identityOf({ file, member }: Pick<ImageFile, 'file' | 'member'>): Promise<string> {
  if (member !== undefined) return identityOfMember(member);
  try {
    const { size, mtimeNs } = await stat(file, { bigint: true });
    return `${size}:${mtimeNs}`;
  } catch (reason) {
    const error = reason as NodeJS.ErrnoException;
    return isMissing(error) ? 'missing' : `unreadable:${error.code ?? error.name}`;
  }
}

/** Of a member without contents (too large, encrypted) all that is known of it. */
function identityOfMember({ content, size, archiveMtimeNs }: Member): string {
  if (content instanceof ImageError) return `${content.code}:${size}:${archiveMtimeNs}`;
  return `sha256:${createHash('sha256').update(content).digest('hex').slice(0, DIGITS)}`;
}

/** A folder for a user without a home, in the one for temporary files that all users share. */

import { lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The same for every run of a user, and nobody else's to write: what lies there is trusted, a configuration and libraries
 * that are loaded. Where somebody else has made it before, a new one with a name that nobody could foresee.
 */
export function privateFolder() {
  const path = join(tmpdir(), `vgg16-${process.getuid?.() ?? 'user'}`);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  return isOwn(path) ? path : mkdtempSync(`${path}-`);
}

/** A folder of this user's, no link, that no other may write into. */
function isOwn(path) {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0;
}

/** `--exclude`: globs for files and folders that are not looked at. */

import picomatch from 'picomatch';
import { usageError } from '../../errors.js';
import { hideLineEnds, toByteString } from '../files/byte-strings.js';

/** Longest glob in bytes; paths have at most 4,096, and a regular expression made of a longer one may not compile. */
export const MAX_GLOB_BYTES = 4096;

/**
 * A test for absolute byte-string paths. A glob is compared with the end of the path below `cwd` (`*_thumb.jpg`,
 * `bad/*.png`, `node_modules`); one that starts with `/` with the whole path. What lies in an excluded folder is
 * excluded. Throws USAGE for a glob that cannot be used.
 */
export function excludeFilter(globs: readonly string[], cwd: string): (path: string) => boolean {
  if (globs.length === 0) return () => false;
  const patterns = globs.flatMap((glob) => {
    if (Buffer.byteLength(glob) > MAX_GLOB_BYTES) {
      throw usageError(
        `Expected globs of at most ${MAX_GLOB_BYTES} bytes to exclude but received one of ${Buffer.byteLength(glob)}.`,
      );
    }
    const pattern = hideLineEnds(toByteString(glob)).replace(/^\.\//, '').replace(/\/+$/, '');
    const anchored = pattern.startsWith('/') ? pattern : `**/${pattern}`;
    return [anchored, `${anchored}/**`];
  });
  const matches = matcher(patterns);
  const inside = cwd === '/' ? '/' : `${hideLineEnds(cwd)}/`;
  const absolute = matcher(patterns.filter((pattern) => pattern.startsWith('/')));
  return (path) => {
    const subject = hideLineEnds(path);
    return absolute(subject) || matches(subject.startsWith(inside) ? subject.slice(inside.length) : subject);
  };
}

function matcher(patterns: readonly string[]): (path: string) => boolean {
  try {
    return picomatch([...patterns], { dot: true });
  } catch (error) {
    throw usageError(`Expected globs to exclude but one of them cannot be used: ${(error as Error).message}.`);
  }
}

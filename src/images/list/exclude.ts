/** `--exclude`: globs for files and folders that are not looked at. */

import picomatch from 'picomatch';
import { hideLineEnds, toByteString } from '../files/byte-strings.js';

/**
 * A test for absolute byte-string paths. A glob is compared with the end of the path below `cwd` (`*_thumb.jpg`,
 * `bad/*.png`, `node_modules`); one that starts with `/` with the whole path. What lies in an excluded folder is
 * excluded.
 */
export function excludeFilter(globs: readonly string[], cwd: string): (path: string) => boolean {
  if (globs.length === 0) return () => false;
  const patterns = globs.flatMap((glob) => {
    const pattern = hideLineEnds(toByteString(glob)).replace(/^\.\//, '').replace(/\/+$/, '');
    const anchored = pattern.startsWith('/') ? pattern : `**/${pattern}`;
    return [anchored, `${anchored}/**`];
  });
  const matches = picomatch(patterns, { dot: true });
  const inside = cwd === '/' ? '/' : `${hideLineEnds(cwd)}/`;
  const absolute = picomatch(
    patterns.filter((pattern) => pattern.startsWith('/')),
    { dot: true },
  );
  return (path) => {
    const subject = hideLineEnds(path);
    return absolute(subject) || matches(subject.startsWith(inside) ? subject.slice(inside.length) : subject);
  };
}

/** Names of what programs and file systems keep for themselves: what lies there are no photos of anybody's. */

/**
 * Folders, in lower case, whose names do not say by a dot that they are hidden: thumbnails and the recycle bins of network
 * storage (Synology, QNAP), of Windows, and what macOS adds to archives.
 */
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  '@eadir',
  '#recycle',
  '#snapshot',
  '@recycle',
  '@recently-snapshot',
  '@__thumb',
  '__macosx',
  '$recycle.bin',
  'system volume information',
  'lost+found',
]);

/** Whether a name in a folder is one of a system's, though it has no dot. */
export function isSystemName(name: string): boolean {
  return SYSTEM_NAMES.has(name.toLowerCase());
}

/** Whether a name in a folder is passed over: it begins with a dot, as those of AppleDouble (`._x.jpg`) do, or is a system's. */
export function isHiddenName(name: string): boolean {
  return name.startsWith('.') || isSystemName(name);
}

/** The same of a path of several names. */
export function isHiddenPath(path: string): boolean {
  return path.split('/').some(isHiddenName);
}

/** The names of systems that a glob spells out: it asks for them. */
export function systemNamesIn(pattern: string): ReadonlySet<string> {
  const text = pattern.toLowerCase();
  return new Set([...SYSTEM_NAMES].filter((name) => text.includes(name)));
}

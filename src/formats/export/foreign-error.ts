/** Errors of libraries that write files by themselves, as the errors of the system that they stem from. */

/** What strerror says (TensorFlow) and what Emscripten says in its place (libhdf5). */
const CODES: Readonly<Record<string, string>> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'Quota exceeded': 'EDQUOT',
  'File too large': 'EFBIG',
  'Read-only file system': 'EROFS',
  'Permission denied': 'EACCES',
};

/** The device is to blame where the text names nothing else: the file is new, and what is written into it is sound. */
export function writeError(library: string, path: string, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  const named = Object.keys(CODES).find((text) => message.includes(text));
  const code = named === undefined ? 'EIO' : (CODES[named] as string);
  const [reason = ''] = message.split('\n');
  const error = new Error(`${code}: ${library} could not write ${path}: ${reason}`, { cause });
  return Object.assign(error, { code, syscall: 'write' });
}

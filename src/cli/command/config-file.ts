/** Defaults from a configuration file: an object whose keys are names of flags. */

import { open } from 'node:fs/promises';
import { type RunError, usageError } from '../../errors.js';
import { shown } from '../../formats/shared/shown.js';
import { reasonOf } from '../../output/sink.js';

/** What the check of a configuration needs to know of a flag. */
export interface FlagShape {
  readonly type: 'boolean' | 'option';
  readonly multiple?: boolean | undefined;
}

/** A flag's values as they would be typed; a switch has `true` or `false`. */
export type ConfigValues = ReadonlyMap<string, readonly string[]>;

/** Configurations are small, in bytes: one that is larger is some other file. */
export const MAX_CONFIG_BYTES = 1_000_000;

/**
 * Reads a configuration that is the user's own: his `config.json`, or one named by --config, which may be a pipe. Resolves
 * to `undefined` for a file that does not exist. Throws USAGE where it cannot be read or is too large; `flag` is what names it.
 */
export async function readConfigText(file: string, flag?: string): Promise<string | undefined> {
  try {
    const handle = await open(file, 'r');
    try {
      const chunks: Buffer[] = [];
      for (let bytes = 0; ; ) {
        const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(CHUNK_BYTES) });
        if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
        chunks.push(buffer.subarray(0, bytesRead));
        bytes += bytesRead;
        if (bytes > MAX_CONFIG_BYTES) throw tooLarge(file);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (syscall === undefined) throw error;
    const what = flag === undefined ? 'the configuration' : `a configuration for ${flag} from`;
    throw usageError(`Expected to read ${what} ${file} but ${code === 'EISDIR' ? 'it is a folder' : reasonOf(error)}.`);
  }
}

const CHUNK_BYTES = 1 << 16;

export function tooLarge(file: string): RunError {
  return usageError(`Expected a configuration of at most ${MAX_CONFIG_BYTES} bytes but ${file} has more.`);
}

/**
 * The values of a configuration's text. Throws a usage error that names the file and the key for JSON that is not an
 * object, a key that is no flag of any command, and a value of the wrong type. Ranges are checked with the flags.
 */
export function checkConfig(text: string, file: string, known: ReadonlyMap<string, FlagShape>): ConfigValues {
  const values = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(parseObject(text, file))) {
    const flag = known.get(key);
    if (flag === undefined) {
      throw usageError(
        `Expected the names of flags in ${file} but received the key ${shown(key)}.`,
        'Keys are long flags without the dashes, such as "batch-size" or "recursive".',
      );
    }
    if (key === 'config') throw usageError(`Expected no "config" in ${file}: a configuration cannot name another.`);
    values.set(key, asTyped(key, value, flag, file));
  }
  return values;
}

function parseObject(text: string, file: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw usageError(`Expected JSON in ${file} but received: ${(error as Error).message.replace(/\s+/g, ' ')}.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw usageError(`Expected a JSON object in ${file} but received ${describe(parsed)}.`);
  }
  return parsed;
}

function asTyped(key: string, value: unknown, flag: FlagShape, file: string): readonly string[] {
  // No path and no word has a NUL, and the system's functions refuse it in their own way.
  const isText = (item: unknown): item is string | number =>
    typeof item === 'number' || (typeof item === 'string' && !item.includes('\0'));
  if (flag.type === 'boolean') {
    if (typeof value === 'boolean') return [String(value)];
  } else {
    if (isText(value)) return [String(value)];
    if (flag.multiple === true && Array.isArray(value) && value.every(isText)) return value.map(String);
  }
  const expected =
    flag.type === 'boolean' ? 'true or false' : flag.multiple === true ? 'text or a list of texts' : 'text or a number';
  throw usageError(`Expected ${expected} for "${key}" in ${file} but received ${describe(value)}.`);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return shown(value);
}

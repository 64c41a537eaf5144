/** Defaults from `./vgg16.config.json` and the user's `config.json`: an object whose keys are names of flags. */

import { readFile } from 'node:fs/promises';
import { usageError } from '../errors.js';

/** What the check of a configuration needs to know of a flag. */
export interface FlagShape {
  readonly type: 'boolean' | 'option';
  readonly multiple?: boolean | undefined;
}

/** A flag's values as they would be typed; a switch has `true` or `false`. */
export type ConfigValues = ReadonlyMap<string, readonly string[]>;

/** Configurations are small: one that is larger is some other file. */
const MAX_CONFIG_BYTES = 1_000_000;

/**
 * Reads one configuration file; a file that does not exist is an empty one.
 * Throws a usage error that names the file and the key for JSON that is not an object, a key that is no flag of any
 * command, and a value of the wrong type. Ranges are checked with the flags.
 */
export async function readConfigFile(file: string, known: ReadonlyMap<string, FlagShape>): Promise<ConfigValues> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return new Map();
    throw usageError(`Expected to read the configuration ${file}, but received ${code ?? String(error)}.`);
  }
  return checkConfig(text, file, known);
}

export function checkConfig(text: string, file: string, known: ReadonlyMap<string, FlagShape>): ConfigValues {
  const values = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(parseObject(text, file))) {
    const flag = known.get(key);
    if (flag === undefined) {
      throw usageError(
        `Expected the names of flags in ${file} but received the key "${key}".`,
        'Keys are long flags without the dashes, such as "batch-size" or "recursive".',
      );
    }
    values.set(key, asTyped(key, value, flag, file));
  }
  return values;
}

function parseObject(text: string, file: string): object {
  let parsed: unknown;
  try {
    if (text.length > MAX_CONFIG_BYTES) throw new Error(`${text.length} bytes`);
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
  const isText = (item: unknown): item is string | number => typeof item === 'string' || typeof item === 'number';
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
  return typeof value === 'object' ? 'an object' : JSON.stringify(value);
}

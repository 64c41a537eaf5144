/** Values of flags that were not typed: environment, then `./vgg16.config.json`, then the user's configuration. */

import { resolve } from 'node:path';
import { usageError } from '../errors.js';
import { type ConfigValues, type FlagShape, readConfigFile } from './config-file.js';
import { variableOf } from './flags/values.js';

/** Name of the project's configuration, looked for in the current folder. */
export const PROJECT_CONFIG = 'vgg16.config.json';

/** A value for one flag as it would be typed, and where it comes from. */
export interface DefaultValue {
  readonly flag: string;
  readonly tokens: readonly string[];
  /** For errors: `VGG16_TOP_K`, or `"top-k" in /home/ada/vgg16.config.json`. */
  readonly origin: string;
}

const TRUE = ['1', 'true', 'yes', 'on'];
const FALSE = ['0', 'false', 'no', 'off'];

/** One flag's shape as the tokens need it. */
export interface FlagForm extends FlagShape {
  readonly allowNo?: boolean | undefined;
}

/** A value from the environment; an empty variable counts as none. */
export function fromEnvironment(
  flag: string,
  form: FlagForm,
  environment: Readonly<Record<string, string | undefined>>,
): DefaultValue | undefined {
  const origin = variableOf(flag);
  const text = environment[origin];
  if (text === undefined || text === '') return undefined;
  if (form.type === 'option') return { flag, tokens: [`--${flag}=${text}`], origin };
  const word = text.toLowerCase();
  if (!TRUE.includes(word) && !FALSE.includes(word)) {
    throw usageError(`Expected 1, true, yes, on or 0, false, no, off for ${origin} but received "${text}".`);
  }
  return { flag, tokens: switchTokens(flag, form, TRUE.includes(word)), origin };
}

/** A value from a configuration file. */
export function fromConfig(flag: string, form: FlagForm, values: ConfigValues, file: string): DefaultValue | undefined {
  const value = values.get(flag);
  if (value === undefined) return undefined;
  const origin = `"${flag}" in ${file}`;
  if (form.type === 'option') return { flag, tokens: value.map((text) => `--${flag}=${text}`), origin };
  return { flag, tokens: switchTokens(flag, form, value[0] === 'true'), origin };
}

function switchTokens(flag: string, form: FlagForm, on: boolean): readonly string[] {
  if (on) return [`--${flag}`];
  return form.allowNo === true ? [`--no-${flag}`] : [];
}

/** Every default that is set, for the flags of one command; `known` are the flags of all commands. */
export async function readDefaults(
  flags: Readonly<Record<string, FlagForm>>,
  known: ReadonlyMap<string, FlagShape>,
  context: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly directory: string;
    readonly userConfig: string;
  },
): Promise<readonly DefaultValue[]> {
  const files = [resolve(context.directory, PROJECT_CONFIG), context.userConfig];
  const configs = await Promise.all(files.map(async (file) => ({ file, values: await readConfigFile(file, known) })));
  const found: DefaultValue[] = [];
  for (const [flag, form] of Object.entries(flags)) {
    let value = fromEnvironment(flag, form, context.environment);
    for (const { file, values } of configs) value ??= fromConfig(flag, form, values, file);
    if (value !== undefined) found.push(value);
  }
  return found;
}

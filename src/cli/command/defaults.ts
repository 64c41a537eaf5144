/**
 * Values of flags that were not typed: environment, then the file of --config or else `./vgg16.config.json`, then the user's
 * configuration. Paths in each are relative to the current folder, as if they were typed.
 */

import { join } from 'node:path';
import { usageError } from '../../errors.js';
import { variableOf } from '../flags/values.js';
import { type ConfigValues, checkConfig, type FlagShape, readConfigText } from './config-file.js';
import { checkFolderValues, FOLDER_CONFIG, readFolderConfig } from './folder-config.js';

/** A configuration file that was read, and whose word it is. */
export interface ConfigFile {
  readonly file: string;
  /** `named`: by --config or its variable; `folder`: it lay in the current one; `user`: the user's own. */
  readonly kind: 'named' | 'folder' | 'user';
}

/** A value for one flag as it would be typed, and where it comes from. */
export interface DefaultValue {
  readonly flag: string;
  readonly tokens: readonly string[];
  /** For errors: `VGG16_TOP_K`, or `"top-k" in /home/ada/vgg16.config.json`. */
  readonly origin: string;
  /** The file that it comes from; none for a variable. */
  readonly config?: ConfigFile;
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
function fromConfig(flag: string, form: FlagForm, values: ConfigValues, config: ConfigFile): DefaultValue | undefined {
  const value = values.get(flag);
  if (value === undefined) return undefined;
  const origin = `"${flag}" in ${config.file}`;
  if (form.type === 'option') return { flag, tokens: value.map((text) => `--${flag}=${text}`), origin, config };
  return { flag, tokens: switchTokens(flag, form, value[0] === 'true'), origin, config };
}

function switchTokens(flag: string, form: FlagForm, on: boolean): readonly string[] {
  if (on) return [`--${flag}`];
  return form.allowNo === true ? [`--no-${flag}`] : [];
}

export interface DefaultsContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The current folder. */
  readonly directory: string;
  /** The user's configuration, which need not exist. */
  readonly userConfig: string;
  /** The value of --config, where it was typed. */
  readonly config: string | undefined;
}

export interface Defaults {
  readonly values: readonly DefaultValue[];
  /** The configuration files that were there. */
  readonly files: readonly ConfigFile[];
}

/** Every default that is set, for the flags of one command; `known` are the flags of all commands. */
export async function readDefaults(
  flags: Readonly<Record<string, FlagForm>>,
  known: ReadonlyMap<string, FlagShape>,
  context: DefaultsContext,
): Promise<Defaults> {
  const configs = await readConfigs(known, context);
  const values: DefaultValue[] = [];
  for (const [flag, form] of Object.entries(flags)) {
    let value = fromEnvironment(flag, form, context.environment);
    for (const { config, found } of configs) value ??= fromConfig(flag, form, found, config);
    if (value !== undefined) values.push(value);
  }
  return { values, files: configs.map(({ config }) => config) };
}

/** The configurations that are there, first the one that counts more. */
async function readConfigs(
  known: ReadonlyMap<string, FlagShape>,
  { environment, directory, userConfig, config }: DefaultsContext,
): Promise<readonly { readonly config: ConfigFile; readonly found: ConfigValues }[]> {
  const named = config ?? (environment[variableOf('config')] || undefined);
  const flag = config === undefined ? variableOf('config') : '--config';
  const first: ConfigFile =
    named === undefined ? { file: join(directory, FOLDER_CONFIG), kind: 'folder' } : { file: named, kind: 'named' };
  const [firstText, userText] = await Promise.all([
    named === undefined ? readFolderConfig(directory) : readConfigText(named, flag),
    readConfigText(userConfig),
  ]);
  if (named !== undefined && firstText === undefined) {
    throw usageError(`Expected a configuration file for ${flag} but ${named} does not exist.`);
  }
  const configs: { config: ConfigFile; found: ConfigValues }[] = [];
  if (firstText !== undefined) configs.push({ config: first, found: checkConfig(firstText, first.file, known) });
  if (first.kind === 'folder') for (const { found } of configs) await checkFolderValues(found, directory);
  if (userText !== undefined) {
    configs.push({ config: { file: userConfig, kind: 'user' }, found: checkConfig(userText, userConfig, known) });
  }
  return configs;
}

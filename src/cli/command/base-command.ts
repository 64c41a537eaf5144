/** What every command does alike: defaults of flags, errors, exit codes, colours. */

import { join } from 'node:path';
import { Command, type Interfaces, Parser } from '@oclif/core';
import { type RunError, usageError } from '../../errors.js';
import { printable, printableLines } from '../../output/printable.js';
import { talkFlags } from '../flags/session.js';
import { FlagValueError, type FlagValues, variableOf } from '../flags/values.js';
import { printJson } from '../terminal/print-json.js';
import { type Style, styleOf, wantsColor } from '../terminal/style.js';
import { typed } from './advice.js';
import type { FlagShape } from './config-file.js';
import type { CommandContext } from './context.js';
import { type Defaults, type DefaultValue, type FlagForm, readDefaults } from './defaults.js';
import { errorObject, toRunError, valueError } from './errors.js';
import { refuseDownload } from './folder-config.js';

export abstract class BaseCommand extends Command {
  static override baseFlags = talkFlags;

  /** Writes one line to stderr, whether or not stdout is piped: results go to stdout, talk goes here. */
  protected say(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** Colours of stderr, or of another stream. */
  protected style(stream: { readonly isTTY?: boolean } = process.stderr): Style {
    return styleOf(wantsColor(stream, this.#typed('no-color'), process.env));
  }

  /** One line of talk that explains or advises. */
  protected notice(message: string): void {
    this.say(`${this.style().yellow('note:')} ${printable(typed(message))}`);
  }

  /** Folder for models, from --cache-dir or the user's own. */
  protected cacheDirectory(flags: { readonly 'cache-dir'?: string | undefined }): string {
    return flags['cache-dir'] ?? this.config.cacheDir;
  }

  /** What a run that streams images needs of its command. */
  protected context(flags: { readonly 'cache-dir'?: string | undefined }): CommandContext {
    return {
      arguments: this.argv,
      cacheDir: this.cacheDirectory(flags),
      style: this.style(process.stdout),
      say: (line) => this.say(line),
      notice: (message) => this.notice(message),
    };
  }

  /** The command's flags and arguments, checked; `command` is the class itself. */
  protected async read<F extends Interfaces.FlagInput>(command: {
    readonly flags: F;
    readonly args?: Interfaces.ArgInput;
  }): Promise<{
    readonly flags: FlagValues<F & typeof talkFlags>;
    readonly inputs: readonly string[];
    readonly args: Readonly<Record<string, unknown>>;
  }> {
    const { flags, args } = await this.parse(command as Interfaces.Input<object, object, Record<string, unknown>>);
    return { flags: flags as FlagValues<F & typeof talkFlags>, args, inputs: (args.inputs ?? []) as string[] };
  }

  /** Flags as typed, before the environment, the configuration named or found in the folder, and the user's. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options: Interfaces.Input<F, B, A>, argv = this.argv): Promise<Interfaces.ParserOutput<F, B, A>> {
    // The variables are read here, not by oclif: it takes any text for a switch, and some take a list.
    const flags = Object.fromEntries(
      Object.entries({ ...options.baseFlags, ...options.flags }).map(([name, flag]) => {
        const { env, ...rest } = flag as Interfaces.Flag<unknown>;
        return [name, rest as Interfaces.Flag<unknown>];
      }),
    );
    const own = { ...options, baseFlags: {}, flags } as Interfaces.Input<F, B, A>;
    refuseSwitchValues(argv, flags);
    const typed = await super.parse<F, B, A>(own, argv);
    const { values, files } = await this.#defaultsFor(flags, typed);
    for (const value of values) await checkDefault(value, flags);
    const parsed =
      values.length === 0
        ? typed
        : await super.parse<F, B, A>(
            own,
            withDefaults(
              argv,
              values.flatMap((value) => value.tokens),
            ),
          );
    const said = parsed.flags as Readonly<Record<string, unknown>>;
    if (said.quiet !== true) this.#tellConfigs({ values, files }, said.verbose === true);
    if (said['dry-run'] !== true) await this.#checkFolderModel(values, flags, said);
    return parsed;
  }

  /** Says which configurations were read. The user's own file is with him every day: only under --verbose. */
  #tellConfigs({ values, files }: Defaults, verbose: boolean): void {
    for (const { file, kind } of files) {
      if (kind === 'user' && !verbose) continue;
      const set = values.flatMap(({ flag, config }) => (config?.file === file ? [flag] : []));
      this.notice(`${file} was read${set.length === 0 ? '' : ` for ${set.join(', ')}`}.`);
    }
  }

  /** A file that came with the photos names the model: it must be there already, unless it would be without that file. */
  async #checkFolderModel(
    values: readonly DefaultValue[],
    flags: Readonly<Record<string, Interfaces.Flag<unknown>>>,
    said: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const named = values.find(({ flag, config }) => flag === 'model' && config?.kind === 'folder');
    if (named === undefined || said.model === flags.model?.default) return;
    await refuseDownload(said.model as string, this.cacheDirectory(said), named.origin);
  }

  async #defaultsFor(
    flags: Readonly<Record<string, Interfaces.Flag<unknown>>>,
    { raw, flags: typed }: Pick<Interfaces.ParserOutput, 'raw' | 'flags'>,
  ): Promise<Defaults> {
    const given = new Set(raw.flatMap((token) => (token.type === 'flag' ? [token.flag] : [])));
    const known = new Map<string, FlagShape>(Object.entries(flags).map(([name, flag]) => [name, formOf(flag)]));
    for (const command of this.config.commands) {
      for (const [name, flag] of Object.entries(command.flags)) known.set(name, flag);
    }
    const forms = Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, formOf(flag)]));
    const { values, files } = await readDefaults(forms, known, {
      environment: process.env,
      directory: process.cwd(),
      userConfig: join(this.config.configDir, 'config.json'),
      config: typed.config as string | undefined,
    });
    const excluded = (name: string) => flags[name]?.exclusive?.some((other) => given.has(other)) === true;
    return { values: values.filter(({ flag }) => !given.has(flag) && !excluded(flag)), files };
  }

  /** Prints the error and sets the exit code: oclif would turn every code into 1 or 2. */
  protected override async catch(error: Error & { readonly code?: string }): Promise<void> {
    if (error.code === 'EEXIT') throw error;
    const failure = toRunError(error, `${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')}`.trim());
    this.showError(failure);
    process.exitCode = failure.exitCode;
  }

  /** One sentence and a hint on stderr; the same as an object on stdout under --json. */
  protected showError(error: RunError): void {
    const { red, dim } = this.style();
    this.say(`${red('error:')} ${printable(error.message)}`);
    if (error.hint !== undefined) this.say(`${dim('hint:')} ${printable(error.hint)}`);
    if (this.#typed('verbose', 'v')) this.say(printableLines(stackOf(error)));
    if (this.#typed('json')) printJson(errorObject(error));
  }

  /** Whether a switch is on, for the time before the flags are parsed or when they cannot be. */
  #typed(flag: string, char?: string): boolean {
    const end = this.argv.indexOf('--');
    const words = end === -1 ? this.argv : this.argv.slice(0, end);
    if (words.some((word) => word === `--${flag}` || (char !== undefined && new RegExp(`^-\\w*${char}`).test(word))))
      return true;
    return /^(1|true|yes|on)$/i.test(process.env[variableOf(flag)] ?? '');
  }
}

/** Behind what was typed: a flag that takes all words up to the next one would otherwise take the arguments. */
function withDefaults(argv: readonly string[], tokens: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return end === -1 ? [...argv, ...tokens] : [...argv.slice(0, end), ...tokens, ...argv.slice(end)];
}

/** `--force=no`: oclif takes it for --force and an argument `no`. */
function refuseSwitchValues(argv: readonly string[], flags: Readonly<Record<string, Interfaces.Flag<unknown>>>): void {
  for (const word of argv) {
    if (word === '--') return;
    const [, typed, text] = /^--([\w-]+)=(.*)$/s.exec(word) ?? [];
    const name = [typed, typed?.replace(/^no-/, '')].find((candidate) => flags[candidate ?? '']?.type === 'boolean');
    const flag = flags[name ?? ''];
    if (flag === undefined) continue;
    const off = formOf(flag).allowNo === true ? ` or --no-${name}` : '';
    throw usageError(`Expected --${name}${off} without a value but received ${JSON.stringify(text)}.`);
  }
}

function formOf(flag: Interfaces.Flag<unknown>): FlagForm {
  return flag.type === 'boolean'
    ? { type: 'boolean', allowNo: flag.allowNo }
    : { type: 'option', multiple: flag.multiple };
}

/** Parses one default alone, so that its error can name the variable or the file. */
async function checkDefault(
  value: DefaultValue,
  flags: Readonly<Record<string, Interfaces.Flag<unknown>>>,
): Promise<void> {
  const flag = flags[value.flag];
  if (flag === undefined || value.tokens.length === 0) return;
  try {
    await Parser.parse([...value.tokens], { flags: { [value.flag]: { ...flag, exclusive: [] } }, strict: true });
  } catch (error) {
    if (error instanceof FlagValueError) throw valueError(error, value.origin);
    throw error;
  }
}

function stackOf(error: RunError): string {
  const cause = error.cause instanceof Error ? error.cause : undefined;
  return (cause ?? error).stack ?? String(error);
}

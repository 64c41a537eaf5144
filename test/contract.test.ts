import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

interface Flag {
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly aliases?: readonly string[];
  readonly env?: string;
  readonly default?: unknown;
  readonly multiple?: boolean;
  readonly allowNo?: boolean;
  readonly required?: boolean;
  readonly exclusive?: readonly string[];
  readonly helpValue?: string;
}

interface Command {
  readonly aliases: readonly string[];
  readonly hiddenAliases: readonly string[];
  readonly args: Readonly<Record<string, { readonly multiple?: boolean; readonly required?: boolean }>>;
  readonly flags: Readonly<Record<string, Flag>>;
}

/** What scripts can depend on; texts of the help may change. */
function contractOf({ aliases, hiddenAliases, args, flags }: Command) {
  return {
    aliases: [...aliases, ...hiddenAliases],
    args: Object.fromEntries(
      Object.entries(args).map(([name, { multiple = false, required = false }]) => [name, { multiple, required }]),
    ),
    flags: Object.fromEntries(
      Object.entries(flags).map(([name, flag]) => {
        const { type, char, aliases, env, multiple, allowNo, required, exclusive, helpValue } = flag;
        return [
          name,
          { type, char, aliases, env, default: flag.default, multiple, allowNo, required, exclusive, helpValue },
        ];
      }),
    ),
  };
}

/**
 * What users type is fixed: a change of contract.json is a change that their scripts feel. Defaults that are computed
 * and those of switches are not in the manifest; the help and the tests of the flags hold them.
 */
describe('the command line', () => {
  it('is what contract.json says: commands, arguments, flags, letters, variables, defaults', () => {
    const commands = read('../.oclif.manifest.json').commands as Record<string, Command>;
    const actual = Object.fromEntries(Object.entries(commands).map(([id, command]) => [id, contractOf(command)]));
    // Through JSON, so that what is undefined is absent on both sides.
    expect(JSON.parse(JSON.stringify(actual))).toEqual(read('./contract.json'));
  });
});

/** Builders of flags whose values are checked: each says which flag, what was expected and what came. */

import { Flags, type Interfaces } from '@oclif/core';

/** A value that a flag cannot take. The base command adds the flag's name, or the variable or file it came from. */
export class FlagValueError extends Error {
  override readonly name = 'FlagValueError';
  /** Long name of the flag, once the parser knows it. */
  flag: string | undefined;

  constructor(
    /** Completes "Expected … for --flag": `a whole number from 1 to 512`. */
    readonly expected: string,
    readonly received: string,
  ) {
    super(`Expected ${expected} but received "${received}"`);
  }
}

/** `VGG16_<FLAG>`, the variable that every long flag reads. */
export function variableOf(flag: string): string {
  return `VGG16_${flag.toUpperCase().replaceAll('-', '_')}`;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** Whole numbers, also written as 1e6 or 1_000_000, within `range`. */
export function parseWhole(text: string, { min, max }: Range, alternative = ''): number {
  const value = /^\d+(_\d+)*(e\d+)?$/i.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const bounds = max >= Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new FlagValueError(`a whole number ${bounds}${alternative}`, text);
  }
  return value;
}

/** Decimal numbers within `range`, both ends included. */
export function parseDecimal(text: string, { min, max }: Range): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new FlagValueError(`a number from ${min} to ${max}`, text);
  return value;
}

/**
 * A flag with a value of type T. oclif's own types cannot carry T: it makes T and `T | undefined` one and the same, which
 * exactOptionalPropertyTypes refuses. So the value's type travels beside them, and FlagValues reads it.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type ValueFlag<T> = Interfaces.OptionFlag<any> & { readonly produces?: T };

/** A flag without a value. */
export type SwitchFlag<T extends boolean | undefined> = Interfaces.BooleanFlag<boolean> & { readonly produces?: T };

/** What parsing gives for a set of flags. */
export type FlagValues<F> = {
  readonly [K in keyof F]: F[K] extends { readonly produces?: infer T } ? T : never;
};

interface Look {
  /** One line of help, a sentence. */
  readonly summary: string;
  /** One-letter form. */
  readonly char?: string;
  /** What stands for the value in the help. */
  readonly helpValue?: string;
  /** Flags that cannot be given together with this one. */
  readonly exclusive?: string[];
}

interface Defaulted<T> extends Look {
  readonly default: NoInfer<T>;
  /** The default as it would be typed, where that is not the value as text. */
  readonly defaultHelp?: string;
}

/** A flag whose text `parse` turns into its value, or refuses with a FlagValueError. */
export function value<T>(parse: (text: string) => T, look: Defaulted<T>): ValueFlag<T>;
export function value<T>(parse: (text: string) => T, look: Look): ValueFlag<T | undefined>;
export function value<T>(parse: (text: string) => T, look: Look | Defaulted<T>): ValueFlag<T | undefined> {
  const { defaultHelp, ...rest } = { defaultHelp: undefined, ...look };
  const settings = {
    ...rest,
    ...(defaultHelp === undefined ? {} : { defaultHelp: async () => defaultHelp }),
    parse: async (text: string, _context: unknown, flag: { readonly name: string }) => {
      try {
        return parse(text);
      } catch (error) {
        if (error instanceof FlagValueError) error.flag = flag.name;
        throw error;
      }
    },
  };
  // oclif's overloads cannot follow a generic T, and its type of `char` leaves out digits, which its parser takes.
  return (Flags.string as (settings: object) => unknown)(settings) as ValueFlag<T | undefined>;
}

/** A flag that can be given again: all its values, in order. */
export function repeatable<T>(parse: (text: string) => T, look: Look): ValueFlag<readonly T[] | undefined> {
  const more = { multiple: true, multipleNonGreedy: true };
  return value(parse, { ...look, ...more }) as ValueFlag<readonly T[] | undefined>;
}

/** A flag that takes all words up to the next flag, and can be given again: what a shell makes of `photos/*.jpg`. */
export function several<T>(parse: (text: string) => T, look: Look): ValueFlag<readonly T[] | undefined> {
  return value(parse, { ...look, ...{ multiple: true } }) as ValueFlag<readonly T[] | undefined>;
}

/** A flag without a value; with `allowNo` also as `--no-…`. */
export function toggle(look: Look & { readonly default: boolean; readonly allowNo?: boolean }): SwitchFlag<boolean>;
export function toggle(look: Look & { readonly allowNo?: boolean }): SwitchFlag<boolean | undefined>;
export function toggle(look: Look): SwitchFlag<boolean | undefined> {
  return Flags.boolean(look as object);
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new FlagValueError(`one of ${words.join(', ')}`, text);
    return word;
  };
}

/** A whole number within `range`. */
export function whole(range: Range): (text: string) => number {
  return (text) => parseWhole(text, range);
}

/** A whole number within `range`, or the word `auto`. */
export function wholeOrAuto(range: Range): (text: string) => number | 'auto' {
  return (text) => (text === 'auto' ? 'auto' : parseWhole(text, range, ' or "auto"'));
}

/** A decimal number within `range`, both ends included. */
export function decimal(range: Range): (text: string) => number {
  return (text) => parseDecimal(text, range);
}

/** Any text but none: `expected` says what it should be. */
export function filled(expected: string): (text: string) => string {
  return (text) => {
    if (text === '') throw new FlagValueError(expected, text);
    return text;
  };
}

/** Gives each flag its group in the help and the variable that it reads. */
export function group<T extends Record<string, object>>(helpGroup: string, flags: T): T {
  for (const [name, flag] of Object.entries(flags)) Object.assign(flag, { helpGroup, env: variableOf(name) });
  return flags;
}

/** Command lines of the tool in a text, and whether they are ones that it takes. */

import { readFileSync } from 'node:fs';

interface ManifestCommand {
  readonly flags: Readonly<Record<string, { readonly char?: string; readonly allowNo?: boolean }>>;
}

const manifest: { readonly commands: Readonly<Record<string, ManifestCommand>> } = JSON.parse(
  readFileSync(new URL('../.oclif.manifest.json', import.meta.url), 'utf8'),
);

export interface CommandLine {
  /** As it is typed: `model export`. */
  readonly command: string;
  readonly flags: readonly string[];
}

/** Every `vgg16 COMMAND …` of a text with its flags; a command line ends with its line, string or pipe. */
export function commandLines(text: string): readonly CommandLine[] {
  const joined = text
    .replaceAll(/\\\n/g, ' ')
    .replaceAll(/>-\n\s+/g, '')
    .replaceAll(/\n\s+(?=-o )/g, ' ');
  const found = joined.matchAll(/(?:\bvgg16|\bnode bin\/(?:run|dev)\.js) ([a-z]+)(?: ([a-z]+)\b)?([^\n|&;`#]*)/g);
  return [...found].flatMap(([, topic = '', verb = '', rest = '']) => {
    // The first word may be a command by itself, or no command: the image's name before its command, a word of a sentence.
    const command = [`${topic} ${verb}`, topic].find((name) => name.replace(' ', ':') in manifest.commands);
    if (command === undefined) return [];
    return [{ command, flags: [...rest.matchAll(/(?<=\s)(--?[a-zA-Z][a-z0-9-]*)/g)].map(([flag]) => flag) }];
  });
}

/** The flags that the command does not have, each behind the command's name. */
export function unknownFlags({ command, flags }: CommandLine): readonly string[] {
  const known = manifest.commands[command.replace(' ', ':')]?.flags ?? {};
  return flags.filter((flag) => !hasFlag(known, flag)).map((flag) => `${command} ${flag}`);
}

function hasFlag(flags: ManifestCommand['flags'], flag: string): boolean {
  const isNamed = Object.entries(flags).some(
    ([name, { char, allowNo }]) => flag === `--${name}` || flag === `-${char}` || (allowNo && flag === `--no-${name}`),
  );
  return isNamed || flag === '--help';
}

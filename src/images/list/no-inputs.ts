/** Says why there is nothing to do: what was looked for, and what was there instead. */

import { ADVICE, ExitCode, RunError } from '../../errors.js';
import { toByteString, toText } from '../files/byte-strings.js';
import type { PassedOver } from './passed-over.js';

/** What was met on the way and is no image. */
export interface Seen {
  /** Absolute byte-string paths that do not exist, and globs that match nothing. */
  readonly missing: string[];
  /** Folders that could not be listed. */
  readonly unreadable: string[];
  readonly passedOver: PassedOver;
}

interface Wanted {
  readonly inputs: readonly (string | Buffer)[];
  readonly extensions: readonly string[];
}

/** Inputs named in the sentence; more are counted. */
const MAX_NAMED = 3;

/** The error for inputs without an image; without arguments, for a list without an entry. */
export function noInputs(wanted?: Wanted, seen?: Seen): RunError {
  if (wanted === undefined || seen === undefined) {
    return new RunError('NO_INPUTS', 'Expected paths of images in the list but it holds none.', {
      exitCode: ExitCode.NoInputs,
      hint: 'A list has one path per line: find photos -name "*.jpg" | vgg16 classify --files-from -',
    });
  }
  const inputs = nameSome(wanted.inputs.map((input) => toText(toByteString(input))));
  const extensions = wanted.extensions.join(', ');
  const { others, excluded, links, hidden } = seen.passedOver;
  const findings: readonly (readonly [number, string, string])[] = [
    [others, `${count(others, 'file')} with another extension than ${extensions}`, ADVICE.takeExtensions],
    [excluded, count(excluded, 'excluded path'), ADVICE.checkExcluded],
    [links, count(links, 'symbolic link'), ADVICE.followLinks],
    [
      hidden,
      count(hidden, 'hidden file or folder', 'hidden files or folders'),
      'Name a hidden folder itself to look into it.',
    ],
    [
      seen.unreadable.length,
      `${count(seen.unreadable.length, 'folder')} that cannot be listed (${nameSome(seen.unreadable.map(toText))})`,
      'Check the permissions of the folder.',
    ],
  ];
  const found = findings.filter(([number]) => number > 0);
  const [came, hint] =
    found.length > 0
      ? [`found only ${found.map(([, text]) => text).join(' and ')}`, found.map(([, , next]) => next).join(' ')]
      : seen.missing.length > 0
        ? ['there is no such file or folder', 'Check the path; quote a glob so that the shell leaves it alone.']
        : [`found no file with the extension ${extensions}`, `Check the path, ${ADVICE.orExtensions}.`];
  return new RunError('NO_INPUTS', `Expected images in ${inputs} but ${came}.`, { exitCode: ExitCode.NoInputs, hint });
}

function nameSome(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).map((name) => JSON.stringify(name));
  const rest = names.length - named.length;
  return rest > 0 ? `${named.join(', ')} and ${rest} more` : named.join(', ');
}

function count(n: number, noun: string, nouns = `${noun}s`): string {
  return n === 1 ? `one ${noun}` : `${n} ${nouns}`;
}

/** Says why there is nothing to do: what was looked for, and what was there instead. */

import { ExitCode, RunError } from '../errors.js';
import { toByteString, toText } from './bytes.js';

/** What was met on the way and is no image. */
export interface Seen {
  /** Absolute byte-string paths that do not exist, and globs that match nothing. */
  readonly missing: string[];
  /** Folders that could not be listed. */
  readonly unreadable: string[];
  /** Files whose extension is not wanted. */
  others: number;
  /** Links not followed. */
  links: number;
  /** Inputs that `--exclude` takes out. */
  excluded: number;
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
  const { missing, unreadable, others, links, excluded } = seen;
  const error = (came: string, hint: string) =>
    new RunError('NO_INPUTS', `Expected images in ${inputs} but ${came}.`, { exitCode: ExitCode.NoInputs, hint });

  if (others > 0) {
    const files = others === 1 ? 'the one file there has' : `the ${others} files there have`;
    return error(`${files} another extension than ${extensions}`, 'Use --ext to take other extensions.');
  }
  if (links > 0) {
    return error(`found only ${count(links, 'symbolic link')}`, 'Use --follow-symlinks to follow links.');
  }
  if (unreadable.length > 0) {
    return error(`${nameSome(unreadable.map(toText))} cannot be listed`, 'Check the permissions of the folder.');
  }
  if (excluded > 0) return error('--exclude takes them all out', 'Check the globs given to --exclude.');
  if (missing.length > 0) {
    return error('there is no such file or folder', 'Check the path; quote a glob so that the shell leaves it alone.');
  }
  return error(`found no file with the extension ${extensions}`, 'Check the path, or use --ext for other extensions.');
}

function nameSome(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).map((name) => JSON.stringify(name));
  const rest = names.length - named.length;
  return rest > 0 ? `${named.join(', ')} and ${rest} more` : named.join(', ');
}

function count(n: number, noun: string): string {
  return n === 1 ? `one ${noun}` : `${n} ${noun}s`;
}

/** Tells a list of paths from what people take for one, by entries that name no file, and says what to type instead. */

import { lstat } from 'node:fs/promises';
import { usageError } from '../../../errors.js';
import { toBuffer, toByteString, toText } from '../../files/byte-strings.js';
import { UNKNOWN_KIND } from '../../sniff/other-kinds.js';
import { FORMAT_NAMES, sniff } from '../../sniff/sniff.js';

/** An entry that is not in UTF-8 is looked for along with this many others of the same piece of the list. */
const MAX_LOOKED_FOR = 1000;

/** Encodings that lists come in, the likeliest first: the same bytes can be text in several. */
const ENCODINGS = [
  'windows-1252',
  'shift_jis',
  'gb18030',
  'big5',
  'euc-kr',
  'euc-jp',
  'windows-1251',
  'koi8-r',
  'windows-1250',
  'macintosh',
];

/** Names of the first column in the headers of tables. */
const PATH_COLUMN = /^(file_?)?(path|name)$|^(file|image|img|photo)(_?(path|file|name|id))?$|^id$/i;

/** What the rest of the sentence is about, and what to type; `LIST` stands for the list. */
interface Mistaken {
  readonly received: string;
  readonly hint: string;
}

/**
 * Refuses a list whose first line names no file and is of a kind that people have: in quotes, a URL, a path of Windows, a
 * line of a table, JSON, another kind of file. Any other first line is an entry like all.
 */
export async function checkFirstLine(entry: Buffer): Promise<void> {
  if (await exists(entry)) return;
  const mistaken = fileKind(entry) ?? textKind(toByteString(entry)) ?? (await kindByFiles(entry));
  if (mistaken !== undefined) refuse(mistaken);
}

/** Refuses a list that was to be separated by NUL and has lines, the first of which names a file. */
export async function checkFirstOfNulls(entry: Buffer): Promise<void> {
  const end = entry.indexOf(0x0a);
  if (end < 1 || (await exists(entry)) || !(await exists(entry.subarray(0, end)))) return;
  throw usageError(
    'Expected --files-from to hold paths separated by NUL but received lines.',
    'Leave out --null for a list with one path per line.',
  );
}

/** Kinds of files that are text, by their first line; others have bytes that no text has. */
const TEXT_KINDS: ReadonlySet<string> = new Set(['HTML', 'XML', 'SVG', 'PDF', 'PostScript']);

/** Bytes from the start in which a binary file has some that no text has. */
const BINARY_BYTES = 512;

/** Refuses an image, an archive or another known kind of binary file by its first bytes. */
export function checkHead(head: Buffer): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (!/[\0-\x08\x0e-\x1f]/.test(head.toString('latin1', 0, BINARY_BYTES))) return;
  const kind = kindOf(head);
  if (!kind.startsWith('text') && kind !== UNKNOWN_KIND) refuse(mistakenKind(kind));
}

function kindOf(bytes: Buffer): string {
  const kind = sniff(bytes);
  return 'format' in kind ? FORMAT_NAMES[kind.format] : kind.other;
}

function mistakenKind(kind: string): Mistaken {
  return kind === 'a gzip archive'
    ? { received: 'gzip', hint: 'Type gunzip -c LIST | vgg16 classify --files-from -' }
    : { received: kind, hint: 'Leave out --files-from for images and archives: a list is a text file with paths.' };
}

function fileKind(entry: Buffer): Mistaken | undefined {
  const kind = kindOf(entry);
  if (TEXT_KINDS.has(kind)) return mistakenKind(kind);
  if (!entry.includes(0)) return undefined;
  return { received: 'NUL bytes', hint: 'Add --null for the output of find -print0; write text in UTF-8.' };
}

function refuse({ received, hint }: Mistaken): never {
  throw usageError(`Expected --files-from to hold one path per line but received ${received}.`, hint);
}

/** First lines that are no path of this machine: what they show, what it is, and what to type. */
const TEXT_LINES: readonly (readonly [RegExp, string, string])[] = [
  [/^".*"$/, 'paths in quotes', `Type tr -d '"' < LIST | vgg16 classify --files-from -`],
  [/^'.*'$/, 'paths in quotes', `Type tr -d "'" < LIST | vgg16 classify --files-from -`],
  [/^file:\/\//i, 'URLs of files', "Type sed 's|^file://||; s|%20| |g' LIST | vgg16 classify --files-from -"],
  [/^[a-z][a-z\d+.-]+:\/\//i, 'URLs', 'Download them first: wget -i LIST -P photos/'],
  [/^([a-z]:[\\/]|\\\\)/i, 'paths of Windows', 'Write the list on this machine: find photos -name "*.jpg" > LIST'],
  [/^~\//, 'paths that a shell completes', 'Type sed "s|^~|$HOME|" LIST | vgg16 classify --files-from -'],
  [/^[{[].*["\]}],?$/, 'JSON', "Type jq -r '.path' LIST | vgg16 classify --files-from -"],
  [
    /^\s*(Directory: |Volume in drive |total \d+$)/, // of PowerShell, cmd and ls -l
    'a listing of more than paths',
    'Type find photos -name "*.jpg" > LIST, in PowerShell (Get-ChildItem photos -Recurse -File).FullName > LIST',
  ],
];

/** Characters of a line that a message shows. */
const MAX_SHOWN = 60;

function textKind(line: string): Mistaken | undefined {
  const found = TEXT_LINES.find(([pattern]) => pattern.test(line));
  return found === undefined ? undefined : { received: `${found[1]}, ${shownLine(line)}`, hint: found[2] };
}

function shownLine(line: string): string {
  const text = toText(line);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** What only the files that are there can tell. */
async function kindByFiles(entry: Buffer): Promise<Mistaken | undefined> {
  const line = toByteString(entry);
  if (line.includes('\r')) {
    return {
      received: 'lines that end with CR alone',
      hint: "Type tr '\\r' '\\n' < LIST | vgg16 classify --files-from -",
    };
  }
  const turned = line.replaceAll('\\', '/');
  if (turned !== line && (await exists(toBuffer(turned)))) {
    return {
      received: `paths of Windows, ${shownLine(line)}`,
      hint: "Type tr '\\\\' / < LIST | vgg16 classify --files-from -",
    };
  }
  const separator = /[\t,;]/.exec(line)?.[0];
  const cell = (line.split(separator ?? '\n')[0] ?? '').trim().replace(/^"(.*)"$/, '$1');
  if (separator === undefined || !(PATH_COLUMN.test(cell) || (cell !== '' && (await exists(toBuffer(cell))))))
    return undefined;
  const option = separator === '\t' ? '' : ` -d '${separator}'`;
  const header = PATH_COLUMN.test(cell) ? 'tail -n +2 LIST | cut' : 'cut';
  const file = PATH_COLUMN.test(cell) ? '' : ' LIST';
  return {
    received: `a table, ${shownLine(line)}`,
    hint: `Type ${header}${option} -f 1${file} | vgg16 classify --files-from -`,
  };
}

/** Watches over the entries of a list that are not in UTF-8. File names may be any bytes, and most lists that are not are old text. */
export class EncodingCheck {
  /** An entry of that kind names a file: the bytes of the list are those of names. */
  #areNames = false;

  /**
   * `entries` are those of a piece of the list that are not in UTF-8. Throws a usage error when none of them, nor any
   * before, names a file.
   */
  async check(entries: readonly Buffer[]): Promise<void> {
    const [first] = entries;
    if (this.#areNames || first === undefined) return;
    for (const entry of entries.slice(0, MAX_LOOKED_FOR)) {
      if (await exists(entry)) {
        this.#areNames = true;
        return;
      }
    }
    const encoding = await this.#encodingOf(first);
    const name = toText(toByteString(first));
    throw usageError(
      `Expected paths in UTF-8 from --files-from but received ${encoding ?? 'another encoding'} (${name}), which names no file.`,
      encoding === undefined
        ? 'Type iconv -f WINDOWS-1252 -t UTF-8 LIST | vgg16 classify --files-from -, with the encoding of the list.'
        : `Type iconv -f ${encoding} -t UTF-8 LIST | vgg16 classify --files-from -`,
    );
  }

  /** The encoding in which an entry does name a file. */
  async #encodingOf(entry: Buffer): Promise<string | undefined> {
    for (const encoding of ENCODINGS) {
      const text = decoded(entry, encoding);
      if (text !== undefined && (await exists(Buffer.from(text)))) return encoding.toUpperCase();
    }
    return undefined;
  }
}

function decoded(entry: Buffer, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(entry);
  } catch {
    return undefined; // it is not, or this Node does not have it
  }
}

/** Whether there is a file, folder or link of that name, taken from the current folder. */
function exists(entry: Buffer): Promise<boolean> {
  return lstat(entry).then(
    () => true,
    () => false,
  );
}

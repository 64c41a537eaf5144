/** Label files: one label a class, in class order. */

import { parse } from 'csv-parse/sync';
import { usageError } from '../errors.js';
import { shown } from '../formats/shared/shown.js';
import { DuplicateKeyError, parseUniqueJson } from '../formats/shared/unique-json.js';

/** Text of a label file, in characters, at most: ImageNet's 21,000 classes take 0.5 MB. */
export const MAX_LABEL_CHARACTERS = 8 * 1024 * 1024;

/**
 * Labels from text: one a line; a JSON list; a JSON object from index to label; Keras's class index
 * (`{"0": ["n01440764", "tench"], …}`); CSV where `name` ends with .csv. A byte order mark and CRLF are accepted. `name`
 * is the file's, for messages, too. Throws a usage error where the text is empty, or an index is missing, repeated or no index.
 */
export function parseLabels(text: string, name: string): readonly string[] {
  if (text.length > MAX_LABEL_CHARACTERS) {
    throw usageError(`Expected labels of at most ${MAX_LABEL_CHARACTERS} characters but ${name} has ${text.length}.`);
  }
  const plain = text.replace(/^\uFEFF/, '');
  const trimmed = plain.trim();
  if (trimmed === '') throw usageError(`Expected labels but ${name} is empty.`);
  if (/\.csv$/i.test(name)) return fromCsv(plain, name);
  return trimmed.startsWith('[') || trimmed.startsWith('{')
    ? fromJson(trimmed, name)
    : fromLines(plain.trimEnd(), name);
}

function fromLines(text: string, name: string): readonly string[] {
  return text.split(/\r?\n/).map((line, index) => {
    const label = line.trim();
    if (label === '') throw usageError(`Expected a label on line ${index + 1} of ${name} but it is empty.`);
    return label;
  });
}

/** Names of the columns that matter, in lower case, the likeliest first; ImageNet's own lists have a WordNet id, too. */
const LABEL_COLUMNS = ['label', 'name', 'class_name', 'class name', 'class'];
const INDEX_COLUMNS = ['index', 'class_index', 'class_id', 'class index', 'class id', 'id', 'class'];

/**
 * With a header the columns by their names; without one the last column, by the integers of the first where there are two
 * or more.
 */
function fromCsv(text: string, name: string): readonly string[] {
  let rows: string[][];
  try {
    rows = parse(text, { skip_empty_lines: true, trim: true });
  } catch (error) {
    throw usageError(`Expected labels as CSV in ${name} but ${shown((error as Error).message)}.`);
  }
  const head = (rows[0] ?? []).map((cell) => cell.toLowerCase());
  const labelColumn = find(head, LABEL_COLUMNS);
  const indexColumn = find(head, INDEX_COLUMNS);
  if (labelColumn >= 0) {
    const body = rows.slice(1);
    if (body.length === 0) throw usageError(`Expected labels but ${name} has a header only.`);
    return fromCells(body, indexColumn === labelColumn ? -1 : indexColumn, labelColumn, name);
  }
  const width = head.length;
  return fromCells(rows, width > 1 ? 0 : -1, width - 1, name);
}

/** The first of `names` that is a column, or -1. */
function find(head: readonly string[], names: readonly string[]): number {
  return head.indexOf(names.find((name) => head.includes(name)) ?? '\n');
}

/** `indexColumn` is -1 where the order of the rows is that of the classes. */
function fromCells(rows: readonly string[][], indexColumn: number, labelColumn: number, name: string) {
  if (indexColumn < 0) return rows.map((row, i) => label(row[labelColumn], i, name));
  const map = new Map<string, string | undefined>();
  for (const row of rows) {
    const index = row[indexColumn] ?? '';
    if (map.has(index)) throw usageError(`Expected each class once in ${name} but ${shown(index)} occurs twice.`);
    map.set(index, row[labelColumn]);
  }
  return fromIndex(Object.fromEntries(map), name);
}

function fromJson(text: string, name: string): readonly string[] {
  let value: unknown;
  try {
    value = parseUniqueJson(text);
  } catch (error) {
    const fault = error instanceof DuplicateKeyError ? error.message : 'it is not valid JSON';
    throw usageError(`Expected labels as JSON in ${name} but ${fault}.`);
  }
  if (Array.isArray(value)) {
    if (value.length === 0) throw usageError(`Expected labels but ${name} is an empty list.`);
    return value.map((item, index) => label(item, index, name));
  }
  return fromIndex(value as Readonly<Record<string, unknown>>, name);
}

function fromIndex(map: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const count = Object.keys(map).length;
  if (count === 0) throw usageError(`Expected labels but ${name} is an empty object.`);
  const stranger = Object.keys(map).find((key) => !/^(?:0|[1-9]\d{0,8})$/.test(key));
  if (stranger !== undefined) throw usageError(`Expected class indices in ${name} but one is ${shown(stranger)}.`);
  return Array.from({ length: count }, (_, index) => {
    if (!Object.hasOwn(map, index))
      throw usageError(`Expected the indices 0 to ${count - 1} in ${name} but ${index} is missing.`);
    const entry = map[index];
    // Keras: [WordNet id, label].
    return label(Array.isArray(entry) && entry.length === 2 ? entry[1] : entry, index, name);
  });
}

function label(value: unknown, index: number, name: string): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw usageError(`Expected a label for class ${index} in ${name} but it is ${shown(value)}.`);
  }
  return value.trim();
}

/** JSON Lines: one object a line, keys in a fixed order, `"v"` the version of the record. */

import { type RowEncoder, type Scores, scoreNames } from './encoder.js';
import { shortestFloat32 } from './numbers.js';
import type { ClassifyRow } from './records.js';

/** Raised when a key changes its meaning or goes away; new keys at the end do not raise it. */
export const RECORD_VERSION = 1;

export function classifyJsonl({ scores }: { readonly scores: Scores }): RowEncoder<ClassifyRow> {
  const names = scoreNames(scores);
  const toObject = (row: ClassifyRow): object => {
    const { path, index, status } = row;
    const start = { v: RECORD_VERSION, path, index, status };
    if (row.status === 'error') return { ...start, error: { code: row.error.code, message: row.error.message } };
    const top = row.top.map((prediction) => ({
      rank: prediction.rank,
      class: prediction.class,
      label: prediction.label,
      ...Object.fromEntries(names.map((name) => [name, shortestFloat32(prediction[name])])),
    }));
    return { ...start, width: row.width, height: row.height, top };
  };
  return {
    header: () => '',
    encode: (rows) => rows.map((row) => `${JSON.stringify(toObject(row))}\n`).join(''),
  };
}

/**
 * The lines of a row whose position in the input has changed: `index` stands at a fixed place in every record. Throws on
 * text that is no record of this path and index.
 */
export function reindexJsonl(text: Buffer, path: string, from: number, to: number): Buffer {
  const start = `{"v":${RECORD_VERSION},"path":${JSON.stringify(path)},"index":`;
  const lines = text.toString().split('\n');
  const changed = lines.map((line) => {
    if (line === '') return line;
    if (!line.startsWith(`${start}${from},`)) throw new Error(`Expected the record of ${path} at ${from}.`);
    return `${start}${to}${line.slice(start.length + String(from).length)}`;
  });
  return Buffer.from(changed.join('\n'));
}

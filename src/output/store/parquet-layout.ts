/**
 * Parquet out of spools. A Parquet file cannot grow, so a run writes lines of text, a JSON array of cells a row, and NPY
 * files; the table is made of them at the end. From a finished table the same spools can be made again, byte for byte.
 */

import { type FileHandle, open, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { ExitCode, RunError } from '../../errors.js';
import { NPY_HEADER_BYTES, npyHeader } from '../arrays/npy.js';
import { type ArraySpec, rowBytes, type StoredRows } from '../arrays/spec.js';
import { openForReading, readAt } from '../files/read.js';
import type { Scratch } from '../files/scratch.js';
import type { RowEncoder } from '../rows/encoder.js';
import { shortestFloat32 } from '../rows/numbers.js';
import { type Batch, type Column, type ParquetCell, readParquet, rowsPerGroup, writeParquet } from '../rows/parquet.js';
import type { ExtractRow } from '../rows/records.js';
import type { Layout, Spools, Unpacked } from './layout.js';

/** Columns with a meaning here: a row's place in the input, its image, and whether there are numbers. */
const INDEX = 'index';
const PATH = 'path';
const STATUS = 'status';

/** The columns beside the arrays of `vgg16 extract`. */
export const EXTRACT_COLUMNS: readonly Column[] = [
  { name: PATH, type: 'string', nullable: false },
  { name: INDEX, type: 'int64', nullable: false },
  { name: STATUS, type: 'string', nullable: false },
  { name: 'error_code', type: 'string', nullable: true },
  { name: 'error_message', type: 'string', nullable: true },
];

export function extractParquetLayout(target: string, specs: readonly ArraySpec[]): Layout {
  return parquetLayout(target, EXTRACT_COLUMNS, specs);
}

export function parquetText(): RowEncoder<ExtractRow> {
  return tableText(EXTRACT_COLUMNS, (row) => {
    const failure = row.status === 'error' ? [row.error.code, row.error.message] : [null, null];
    return [row.path, row.index, row.status, ...failure];
  });
}

/** The lines that `parquetLayout` makes a table of. The cells of a row are in the order of the columns. */
export function tableText<Row>(
  columns: readonly Column[],
  toCells: (row: Row) => readonly ParquetCell[],
): RowEncoder<Row> {
  return {
    header: () => '',
    encode: (rows) => rows.map((row) => lineOf(columns, toCells(row))).join(''),
  };
}

/** What comes back from the table is the same line: float32 as its shortest decimal, text as UTF-8 can hold it. */
function lineOf(columns: readonly Column[], cells: readonly ParquetCell[]): string {
  const stored = columns.map(({ type }, i) => {
    const cell = cells[i] ?? null;
    if (type === 'float' && typeof cell === 'number') return shortestFloat32(Math.fround(cell));
    return typeof cell === 'string' ? wellFormed(cell) : cell;
  });
  // Node's line reader also ends lines at U+2028 and U+2029.
  const text = JSON.stringify(stored).replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`);
  return `${text}\n`;
}

/** Half a surrogate pair has no UTF-8. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * One table of `columns` and, for each of `specs`, a column of lists. A row whose cell `status` is `error` has null for
 * each of them. The text before the first row is empty.
 */
export function parquetLayout(
  target: string,
  columns: readonly Column[],
  specs: readonly ArraySpec[],
  metadata: Readonly<Record<string, string>> = {},
): Layout {
  const table = { columns, arrays: specs, metadata };
  const index = columns.findIndex(({ name }) => name === INDEX);
  return {
    target,
    format: 'parquet',
    textFinal: null,
    arrays: specs.map((spec) => ({ spec, final: null })),
    packs: [{ final: target, pack: (spools, file) => writeParquet(file, table, batchesOf(spools, columns, specs)) }],
    ...(index < 0 ? {} : { reindex: (text, path, from, to) => reindexed(columns, text, { path, from, to }) }),
    unpack: (scratch, signal) => unpack(target, columns, specs, scratch, signal),
  };
}

interface Move {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** Throws on text that is no row of this path and index. */
function reindexed(columns: readonly Column[], text: Buffer, { path, from, to }: Move): Buffer {
  const cells = JSON.parse(text.toString()) as ParquetCell[];
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  if (cells[at(INDEX)] !== from || (at(PATH) >= 0 && cells[at(PATH)] !== wellFormed(path))) {
    throw new Error(`Expected the row of ${path} at ${from}.`);
  }
  cells[at(INDEX)] = to;
  return Buffer.from(lineOf(columns, cells));
}

/** The rows of the spools, as many at a time as the table has in a group. */
async function* batchesOf(
  spools: Spools,
  columns: readonly Column[],
  specs: readonly ArraySpec[],
): AsyncGenerator<Batch> {
  const status = columns.findIndex(({ name }) => name === STATUS);
  const size = rowsPerGroup(specs);
  const arrays: { readonly stored: StoredRows; readonly handle: FileHandle }[] = [];
  try {
    for (const { name } of specs) {
      const stored = spools.arrays.find((array) => array.name === name);
      if (stored === undefined) throw internal(`Expected rows of ${name} but there are none.`);
      arrays.push({ stored, handle: (await openForReading(stored.file, 'rows')).handle });
    }
    let done = 0;
    for await (const cells of inGroups(linesOf(spools), size)) {
      const numbers: (Float32Array | Uint16Array)[] = [];
      for (const { stored, handle } of arrays) numbers.push(await numbersOf(stored, handle, done, cells.length));
      yield { cells, arrays: numbers, blank: cells.map((row) => row[status] === 'error') };
      done += cells.length;
    }
    if (done !== spools.rows) throw internal(`Expected ${spools.rows} rows in ${spools.text} but received ${done}.`);
  } finally {
    for (const { handle } of arrays) await handle.close();
  }
}

async function* linesOf({ text, textStart }: Spools): AsyncGenerator<readonly ParquetCell[]> {
  const { handle } = await openForReading(text, 'rows');
  try {
    const input = handle.createReadStream({ start: textStart, autoClose: false });
    for await (const line of createInterface({ input, crlfDelay: 0 })) yield JSON.parse(line) as ParquetCell[];
  } finally {
    await handle.close();
  }
}

async function* inGroups<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

async function numbersOf(
  stored: StoredRows,
  handle: FileHandle,
  from: number,
  rows: number,
): Promise<Float32Array | Uint16Array> {
  const bytes = new Uint8Array(rows * rowBytes(stored));
  const filled = await readAt(handle, bytes, stored.dataStart + from * rowBytes(stored));
  if (filled < bytes.length) throw internal(`Expected ${rows} more rows in ${stored.file} but it ends before.`);
  return stored.dtype === 'f32' ? new Float32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
}

/** Makes the spools of a finished table. */
async function unpack(
  target: string,
  columns: readonly Column[],
  specs: readonly ArraySpec[],
  scratch: Scratch,
  signal: AbortSignal | undefined,
): Promise<Unpacked> {
  const found = await readParquet(target);
  if (!isSame(found.columns, columns, shapeOfColumn) || !isSame(found.arrays, specs, shapeOfArray)) {
    throw new RunError('OUTPUT_FAILED', `Expected the columns of this run in ${target} but it has others.`, {
      exitCode: ExitCode.Unexpected,
    });
  }
  const text = await scratch.file();
  const arrays: StoredRows[] = [];
  for (const spec of specs) {
    arrays.push({ ...spec, file: await scratch.file(), dataStart: NPY_HEADER_BYTES, rows: found.rows });
  }
  const files = [text, ...arrays.map(({ file }) => file)];
  const dispose = async () => {
    for (const file of files) await rm(file, { force: true });
  };
  const handles: FileHandle[] = [];
  try {
    for (const file of files) handles.push(await open(file, 'wx'));
    const [lines, ...spools] = handles as [FileHandle, ...FileHandle[]];
    for (const [i, spec] of specs.entries()) await spools[i]?.appendFile(npyHeader(spec, found.rows));
    for await (const batch of found.batches) {
      signal?.throwIfAborted();
      await lines.appendFile(batch.cells.map((cells) => lineOf(columns, cells)).join(''));
      for (const [i, { buffer, byteOffset, byteLength }] of batch.arrays.entries()) {
        await spools[i]?.appendFile(new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
    return { text, arrays, dispose };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    for (const handle of handles) await handle.close();
  }
}

const shapeOfColumn = ({ name, type, nullable }: Column) => [name, type, nullable];
const shapeOfArray = ({ name, shape, dtype }: ArraySpec) => [name, shape, dtype];

function isSame<T>(found: readonly T[], expected: readonly T[], shape: (item: T) => unknown): boolean {
  return JSON.stringify(found.map(shape)) === JSON.stringify(expected.map(shape));
}

function internal(message: string): RunError {
  return new RunError('INTERNAL', message, { exitCode: ExitCode.Unexpected });
}

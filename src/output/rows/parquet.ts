/**
 * Tables of images as Parquet: columns of text and numbers, and for each array a column of lists of fixed length.
 * pandas, DuckDB and Polars read the lists, half floats among them (DuckDB as FLOAT), and a row without numbers as null.
 *
 * hyparquet-writer makes the file and its columns of text and numbers, and hyparquet reads them; what they lack or do too
 * slowly stands in parquet-lists.ts and arrow-schema.ts. Both versions are pinned, because modules below their `src/` are
 * used, which may change with any version. parquet-wasm and apache-arrow, which wrote the files of earlier versions, took
 * 2.6 to 2.8 s of processor time for 20,000 rows of fc7 where this takes 0.8 s, and 5.8 to 6.1 s for half floats where
 * this takes 0.6 s. They held two to three times the memory and had 27 MB on disk instead of 1 MB.
 *
 * All that is ours stands under one key, `vgg16`, as JSON. A sha256 of the file is part of it and checked before anything
 * is parsed, so that a flipped bit in the numbers is found, too.
 */

import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { AsyncBuffer, FileMetaData, RowGroup, SchemaElement } from 'hyparquet';
import type { ColumnSource } from 'hyparquet-writer';
import { ExitCode, RunError } from '../../errors.js';
import { type ArraySpec, rowBytes, rowLength } from '../arrays/spec.js';
import { openForReading, readAt, shown } from '../files/read.js';
import { printable } from '../printable.js';
import { ARROW_SCHEMA_KEY, type ArrowField, arrowSchema } from './arrow-schema.js';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'int32' | 'int64' | 'float' | 'bool';
  readonly nullable: boolean;
}

export type ParquetCell = string | number | boolean | null;

export interface Table {
  readonly columns: readonly Column[];
  readonly arrays: readonly ArraySpec[];
  /** Texts about the whole file. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Some rows, one after the other. */
export interface Batch {
  /** A row's cells in the order of the columns. */
  readonly cells: readonly (readonly ParquetCell[])[];
  /** Each array's numbers of all rows, row-major; half floats as their bits. */
  readonly arrays: readonly (Float32Array | Uint16Array)[];
  /** The rows that have no numbers: null in the file, whatever the arrays hold; NaN when read. */
  readonly blank: readonly boolean[];
}

export interface ParquetRows extends Table {
  readonly rows: number;
  /** In order, at most `rowsPerGroup` rows each; can be gone through once more. */
  readonly batches: AsyncIterable<Batch>;
}

/** Who wrote the file, and the key of what `Table` holds. */
const CREATED_BY = 'vgg16';

/** Raised when what stands under the key can no longer be read. */
const METADATA_VERSION = 1;

/** Rows that are held in memory at a time, at most; they share a footer entry of some hundred bytes a column. */
const GROUP_ROWS = 10_000;

/** Bytes of arrays that are held in memory at a time; a single row may be larger. The writer may hold twice as many more. */
const GROUP_BYTES = 16 << 20;

/** Stands in the file's footer as long as its sum is not known. */
const NO_SUM = '0'.repeat(64);

/** What the text under the key starts with, up to the sum. Quotes within JSON texts are escaped: it is found only there. */
const BEFORE_SUM = `{"v":${METADATA_VERSION},"sha256":"`;

/** The length of the footer and `PAR1`: what a Parquet file ends with. */
const TRAILER_BYTES = 8;

/** Bytes that are summed at a time. */
const SUM_BYTES = 4 << 20;

/** Rows of a row group: what batches should have, so that memory stays the same for any number of rows. */
export function rowsPerGroup(arrays: readonly ArraySpec[]): number {
  const bytes = arrays.reduce((sum, spec) => sum + rowBytes(spec), 0);
  return Math.max(1, Math.min(GROUP_ROWS, Math.floor(GROUP_BYTES / Math.max(1, bytes))));
}

/** Bytes that are kept of a group's least and greatest text, by which readers see that they can skip the group. */
const STATISTICS_BYTES = 64;

/**
 * Writes `file`, which must not exist, and syncs it to disk. Each batch becomes a row group, so the same batches give the
 * same bytes. Rejects with the system's own error, or with that of `batches`, and leaves no file behind then.
 */
export async function writeParquet(file: string, table: Table, batches: AsyncIterable<Batch>): Promise<void> {
  checkNames(table);
  const [{ ByteWriter, ParquetWriter }, lists] = await Promise.all([
    import('hyparquet-writer'),
    import('./parquet-lists.js'),
  ]);
  const handle = await open(file, 'wx+');
  const sum = createHash('sha256');
  const writer = new ByteWriter();
  /** Empties the writer's buffer into the file; what is written next lies at the writer's offset all the same. */
  const flush = async () => {
    const bytes = writer.getBytes();
    sum.update(bytes);
    await handle.appendFile(bytes);
    writer.index = 0;
  };
  try {
    const parquet = new ParquetWriter({
      writer,
      schema: schemaOf(table, lists.listSchema),
      kvMetadata: [
        { key: ARROW_SCHEMA_KEY, value: arrowSchema(arrowFieldsOf(table)) },
        { key: CREATED_BY, value: metadataOf(table) },
      ],
      createdBy: CREATED_BY,
      statisticsTruncateLength: STATISTICS_BYTES,
    });
    for await (const batch of batches) {
      const rows = batch.cells.length;
      if (rows === 0) continue;
      checkArrays(table, batch);
      await parquet.write({ columnData: columnsOf(table, batch), rowGroupSize: rows });
      const group = parquet.row_groups.at(-1) as RowGroup;
      for (const [i, spec] of table.arrays.entries()) {
        const chunk = lists.writeLists(writer, spec, batch.arrays[i] as Float32Array | Uint16Array, batch.blank);
        const bytes = chunk.meta_data?.total_compressed_size ?? 0n;
        group.columns.push(chunk);
        group.total_byte_size += bytes;
        group.total_compressed_size = (group.total_compressed_size ?? 0n) + bytes;
      }
      await flush();
    }
    await parquet.finish();
    await flush();
    await handle.write(sum.digest('hex'), await placeOfSum(handle, writer.offset));
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(file, { force: true });
    throw error;
  }
}

/** What Parquet calls the types of columns. */
const TYPES: Readonly<Record<Column['type'], Partial<SchemaElement>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  float: { type: 'FLOAT' },
  bool: { type: 'BOOLEAN' },
};

function schemaOf({ columns, arrays }: Table, listSchema: (spec: ArraySpec) => SchemaElement[]): SchemaElement[] {
  return [
    { name: 'arrow_schema', num_children: columns.length + arrays.length },
    ...columns.map(
      ({ name, type, nullable }): SchemaElement => ({
        name,
        ...TYPES[type],
        repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED',
      }),
    ),
    ...arrays.flatMap(listSchema),
  ];
}

function arrowFieldsOf({ columns, arrays }: Table): ArrowField[] {
  return [
    ...columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    ...arrays.map((spec): ArrowField => {
      return {
        name: spec.name,
        nullable: true,
        type: spec.dtype === 'f32' ? 'float' : 'half',
        length: rowLength(spec),
      };
    }),
  ];
}

/** The cells column by column. A dictionary of floats would take 0 and -0 for one and the same, so they have none. */
function columnsOf({ columns }: Table, { cells }: Batch): ColumnSource[] {
  return columns.map((column, i) => ({
    name: column.name,
    data: cells.map((row) => toStored(column, row[i])),
    ...(column.type === 'float' ? { encoding: 'PLAIN' } : {}),
  }));
}

function checkArrays({ arrays }: Table, batch: Batch): void {
  const rows = batch.cells.length;
  for (const [i, spec] of arrays.entries()) {
    const numbers = batch.arrays[i]?.length;
    if (numbers !== rows * rowLength(spec) || batch.blank.length !== rows) {
      throw internal(`Expected ${rows} rows of ${spec.name} but received ${numbers} numbers.`);
    }
  }
}

function metadataOf({ columns, arrays, metadata }: Table): string {
  const text = JSON.stringify({
    v: METADATA_VERSION,
    sha256: NO_SUM,
    columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    arrays: arrays.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    metadata: Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : Number(a > b)))),
  });
  if (!text.startsWith(BEFORE_SUM)) throw internal(`Expected ${BEFORE_SUM} at the start of ${shown(text)}.`);
  return text;
}

function checkNames({ columns, arrays }: Table): void {
  const names = [...columns, ...arrays].map(({ name }) => name);
  if (new Set(names).size !== names.length) {
    throw internal(`Expected a name of its own for each column but received ${shown(names)}.`);
  }
}

function toStored(column: Column, cell: ParquetCell | undefined): Exclude<ParquetCell, undefined> | bigint {
  if (!fits(column, cell)) {
    throw internal(`Expected ${column.type} for the column ${column.name} but received ${shown(cell)}.`);
  }
  return column.type === 'int64' && cell !== null ? BigInt(cell) : cell;
}

const MAX_INT32 = 2 ** 31;

function fits({ type, nullable }: Column, cell: unknown): cell is ParquetCell {
  if (cell === null) return nullable;
  switch (type) {
    case 'string':
      return typeof cell === 'string';
    case 'bool':
      return typeof cell === 'boolean';
    case 'float':
      return typeof cell === 'number';
    case 'int64':
      return Number.isSafeInteger(cell);
    case 'int32':
      return Number.isSafeInteger(cell) && (cell as number) >= -MAX_INT32 && (cell as number) < MAX_INT32;
  }
}

/** Where in the file its sum stands. Throws on a file that has none. */
async function placeOfSum(handle: FileHandle, bytes: number): Promise<number> {
  const end = bytes - TRAILER_BYTES;
  const trailer = Buffer.alloc(TRAILER_BYTES);
  if (end < 0 || (await readAt(handle, trailer, end)) < TRAILER_BYTES || trailer.toString('latin1', 4) !== 'PAR1') {
    throw new Error('it does not end like one');
  }
  const length = trailer.readUInt32LE();
  if (length > end) throw new Error(`its footer is said to have ${length} bytes`);
  const footer = Buffer.alloc(length);
  if ((await readAt(handle, footer, end - length)) < length) throw new Error('it was cut off meanwhile');
  const start = footer.indexOf(BEFORE_SUM);
  if (start < 0) throw new Error('it was not written by this program');
  return end - length + start + BEFORE_SUM.length;
}

async function checkSum(handle: FileHandle, bytes: number): Promise<void> {
  const place = await placeOfSum(handle, bytes);
  const sum = createHash('sha256');
  const buffer = Buffer.allocUnsafe(SUM_BYTES);
  const update = async (from: number, to: number) => {
    for (let position = from; position < to; ) {
      const filled = await readAt(handle, buffer.subarray(0, Math.min(SUM_BYTES, to - position)), position);
      if (filled === 0) throw new Error('it was cut off meanwhile');
      sum.update(buffer.subarray(0, filled));
      position += filled;
    }
  };
  await update(0, place);
  sum.update(NO_SUM);
  await update(place + NO_SUM.length, bytes);
  const expected = Buffer.alloc(NO_SUM.length);
  await readAt(handle, expected, place);
  if (sum.digest('hex') !== expected.toString('latin1')) throw new Error('its bytes are not those that were written');
}

/**
 * What a file that `writeParquet` wrote holds; its rows are read as they are asked for. Throws USAGE where the file cannot
 * be opened, OUTPUT_FAILED where a bit of it is not as it was written.
 */
export async function readParquet(file: string): Promise<ParquetRows> {
  const { handle, bytes } = await openForReading(file, 'Parquet');
  try {
    return await whole(file, async () => {
      await checkSum(handle, bytes);
      const metadata = await footerOf(asyncBuffer(handle, bytes));
      const about = metadata.key_value_metadata?.find(({ key }) => key === CREATED_BY);
      const table = JSON.parse(about?.value ?? '') as Table;
      const { columns, arrays } = table;
      return {
        columns,
        arrays,
        metadata: table.metadata,
        rows: Number(metadata.num_rows),
        batches: { [Symbol.asyncIterator]: () => readBatches(file, metadata, table) },
      };
    });
  } finally {
    await handle.close();
  }
}

/** Text as it is: hyparquet's own decoder takes a byte order mark for no part of it. */
const parsers = {
  stringFromBytes: (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
};

async function footerOf(file: AsyncBuffer): Promise<FileMetaData> {
  const { parquetMetadataAsync } = await import('hyparquet');
  return await parquetMetadataAsync(file);
}

/** An open file as hyparquet reads one. */
function asyncBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice: async (start, end = byteLength) => (await bytesOf(handle, start, end - start)).buffer,
  };
}

async function bytesOf(handle: FileHandle, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  if ((await readAt(handle, bytes, start)) < length) throw new Error('it was cut off meanwhile');
  return bytes;
}

async function* readBatches(file: string, metadata: FileMetaData, table: Table): AsyncGenerator<Batch> {
  const { handle, bytes } = await openForReading(file, 'Parquet');
  try {
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      yield await whole(file, async () => {
        const cells = await cellsOf(asyncBuffer(handle, bytes), metadata, table, { rowStart, rowEnd });
        return { cells, ...(await arraysOf(handle, group, table, cells.length)) };
      });
      rowStart = rowEnd;
    }
  } finally {
    await handle.close();
  }
}

interface Rows {
  readonly rowStart: number;
  readonly rowEnd: number;
}

async function cellsOf(
  file: AsyncBuffer,
  metadata: FileMetaData,
  { columns }: Table,
  rows: Rows,
): Promise<ParquetCell[][]> {
  const { parquetReadObjects } = await import('hyparquet');
  const names = columns.map(({ name }) => name);
  const found = await parquetReadObjects({ file, metadata, columns: names, parsers, ...rows });
  return found.map((row) => columns.map(({ name }) => toCell(row[name])));
}

function toCell(value: unknown): ParquetCell {
  return typeof value === 'bigint' ? Number(value) : ((value ?? null) as ParquetCell);
}

async function arraysOf(handle: FileHandle, { columns }: RowGroup, table: Table, rows: number) {
  const { placeOfLists, readLists } = await import('./parquet-lists.js');
  const arrays: (Float32Array | Uint16Array)[] = [];
  let blank = Array.from({ length: rows }, () => false);
  for (const [i, spec] of table.arrays.entries()) {
    const about = columns[table.columns.length + i]?.meta_data;
    if (about === undefined) throw new Error(`${spec.name} is missing`);
    const { start, length } = placeOfLists(about);
    const read = readLists(await bytesOf(handle, start, length), spec, rows);
    arrays.push(read.numbers);
    blank = read.blank;
  }
  return { arrays, blank };
}

/** Of what the reader says, at most: it may repeat what it found in the file. */
const REASON_CHARACTERS = 120;

/** Whatever a damaged file makes of the reader, it is the file's fault. */
async function whole<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const reason = printable(error instanceof Error ? error.message : String(error)).slice(0, REASON_CHARACTERS);
    throw new RunError(
      'OUTPUT_FAILED',
      `Expected a whole Parquet file of ${CREATED_BY} but ${file} is not: ${reason}.`,
      {
        exitCode: ExitCode.Unexpected,
        cause: error,
      },
    );
  }
}

function internal(message: string): RunError {
  return new RunError('INTERNAL', message, { exitCode: ExitCode.Unexpected });
}

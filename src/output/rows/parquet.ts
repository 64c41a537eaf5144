/**
 * Tables of images as Parquet: columns of text and numbers, and for each array a column of lists of fixed length. By
 * parquet-wasm, Apache Arrow's Rust implementation. pandas, DuckDB and Polars read the lists, half floats among them
 * (DuckDB as FLOAT), and a row without numbers as null.
 *
 * All that is ours stands under one key, `vgg16`, as JSON; several keys come in a random order. A sha256 of the file is
 * part of it and checked before anything is parsed: a flipped bit makes parquet-wasm panic in a task of its own, which
 * ends the process.
 */

import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type * as Arrow from 'apache-arrow';
import type { ParquetFile, RecordBatch, WriterProperties } from 'parquet-wasm/node';
import { ExitCode, RunError } from '../../errors.js';
import { F16_NAN } from '../arrays/blank.js';
import { type ArraySpec, rowBytes, rowLength } from '../arrays/spec.js';
import { openForReading, readAt, shown } from '../files/read.js';
import { printable } from '../printable.js';

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

/** Bytes of arrays that are held in memory at a time; a single row may be larger. The writer holds five times that. */
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

/**
 * Writes `file`, which must not exist, and syncs it to disk. The same batches give the same bytes. Rejects with the
 * system's own error, or with that of `batches`, and leaves no file behind then.
 */
export async function writeParquet(file: string, table: Table, batches: AsyncIterable<Batch>): Promise<void> {
  checkNames(table);
  const [wasm, arrow] = await Promise.all([import('parquet-wasm/node'), import('apache-arrow')]);
  const handle = await open(file, 'wx+');
  const sum = createHash('sha256');
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  const schema = schemaOf(arrow, table);
  const toWasm = (batch: Batch): RecordBatch => {
    const held = wasm.Table.fromIPCStream(arrow.tableToIPC(recordsOf(arrow, schema, table, batch), 'stream'));
    const [first] = held.recordBatches();
    held.free();
    if (first === undefined) throw internal('Expected a batch of rows but the writer took none over.');
    return first;
  };
  // The writer is never told of an error, in which state it may panic: its rows end, and what it made is thrown away.
  async function* records(): AsyncGenerator<RecordBatch> {
    // The columns are those of the first batch, so there has to be one.
    yield toWasm(noRows(table));
    try {
      for await (const batch of batches) {
        if (failure !== undefined) return;
        if (batch.cells.length > 0) yield toWasm(batch);
      }
    } catch (error) {
      failure ??= { error };
    }
  }
  try {
    const chunks = await wasm.transformParquetStream(ReadableStream.from(records()), propertiesOf(wasm, table));
    for await (const chunk of chunks) {
      if (failure !== undefined) continue;
      sum.update(chunk);
      bytes += chunk.length;
      await handle.appendFile(chunk).catch((error: unknown) => {
        failure ??= { error };
      });
    }
    if (failure !== undefined) throw failure.error;
    await handle.write(sum.digest('hex'), await placeOfSum(handle, bytes));
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(file, { force: true });
    throw error;
  }
}

function noRows({ arrays }: Table): Batch {
  const none = arrays.map(({ dtype }) => (dtype === 'f32' ? new Float32Array() : new Uint16Array()));
  return { cells: [], arrays: none, blank: [] };
}

function propertiesOf(wasm: typeof import('parquet-wasm/node'), table: Table): WriterProperties {
  const { Compression, EnabledStatistics, WriterPropertiesBuilder } = wasm;
  // Of all columns first: that of a list cannot be named. Floats of a layer do not get smaller, and no one filters by them.
  const lists = new WriterPropertiesBuilder()
    .setCreatedBy(CREATED_BY)
    .setKeyValueMetadata(new Map([[CREATED_BY, metadataOf(table)]]))
    .setMaxRowGroupSize(rowsPerGroup(table.arrays))
    .setCompression(Compression.UNCOMPRESSED)
    .setDictionaryEnabled(false)
    .setStatisticsEnabled(EnabledStatistics.None);
  return table.columns
    .reduce(
      (builder, { name }) =>
        builder
          .setColumnCompression(name, Compression.SNAPPY)
          .setColumnDictionaryEnabled(name, true)
          .setColumnStatisticsEnabled(name, EnabledStatistics.Chunk),
      lists,
    )
    .build();
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

function schemaOf(arrow: typeof Arrow, { columns, arrays }: Table): Arrow.Schema {
  const types = {
    string: () => new arrow.Utf8(),
    int32: () => new arrow.Int32(),
    int64: () => new arrow.Int64(),
    float: () => new arrow.Float32(),
    bool: () => new arrow.Bool(),
  };
  const scalars = columns.map(({ name, type, nullable }) => new arrow.Field(name, types[type](), nullable));
  const lists = arrays.map((spec) => {
    const number = spec.dtype === 'f32' ? new arrow.Float32() : new arrow.Float16();
    const list = new arrow.FixedSizeList(rowLength(spec), new arrow.Field('element', number, false));
    return new arrow.Field(spec.name, list, true);
  });
  return new arrow.Schema([...scalars, ...lists]);
}

function recordsOf(arrow: typeof Arrow, schema: Arrow.Schema, table: Table, batch: Batch): Arrow.Table {
  const { columns, arrays } = table;
  const length = batch.cells.length;
  const scalars = columns.map((column, i) => {
    const values = batch.cells.map((row) => toArrow(column, row[i]));
    return arrow.vectorFromArray(values, schema.fields[i]?.type as Arrow.DataType).data[0] as Arrow.Data;
  });
  const blank = bitmapOf(batch.blank);
  const lists = arrays.map((spec, i) => {
    const { type } = schema.fields[columns.length + i] as Arrow.Field<Arrow.FixedSizeList>;
    const data = batch.arrays[i];
    if (data?.length !== length * rowLength(spec) || batch.blank.length !== length) {
      throw internal(`Expected ${length} rows of ${spec.name} but received ${data?.length} numbers.`);
    }
    const child = arrow.makeData({
      type: type.children[0]?.type as Arrow.Float,
      length: data.length,
      nullCount: 0,
      data,
    });
    return arrow.makeData({ type, length, nullCount: blank.count, nullBitmap: blank.bitmap, child });
  });
  const struct = new arrow.Struct(schema.fields);
  const data = arrow.makeData({ type: struct, length, nullCount: 0, children: [...scalars, ...lists] });
  return new arrow.Table([new arrow.RecordBatch(schema, data)]);
}

/** Arrow's: a bit a row, set where there is a value. */
function bitmapOf(blank: readonly boolean[]): { readonly bitmap: Uint8Array; readonly count: number } {
  const bitmap = new Uint8Array(Math.ceil(blank.length / 8));
  let count = 0;
  for (const [row, isBlank] of blank.entries()) {
    if (isBlank) count += 1;
    else bitmap[row >> 3] = (bitmap[row >> 3] as number) | (1 << (row & 7));
  }
  return { bitmap, count };
}

function toArrow(column: Column, cell: ParquetCell | undefined): Exclude<ParquetCell, undefined> | bigint {
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
      const parquet = await openParquet(handle, bytes);
      const about = parquet.metadata().fileMetadata();
      const table = JSON.parse(about.keyValueMetadata().get(CREATED_BY)) as Table;
      const rows = about.numRows();
      parquet.free();
      const { columns, arrays, metadata } = table;
      return { columns, arrays, metadata, rows, batches: { [Symbol.asyncIterator]: () => readBatches(file, table) } };
    });
  } finally {
    await handle.close();
  }
}

async function openParquet(handle: FileHandle, bytes: number): Promise<ParquetFile> {
  const wasm = await import('parquet-wasm/node');
  return wasm.ParquetFile.fromFile(new FileBlob(handle, 0, bytes));
}

/** Part of an open file. Node's own, `openAsBlob`, warns that it is experimental. */
class FileBlob extends Blob {
  readonly #handle: FileHandle;
  readonly #start: number;
  override readonly size: number;

  constructor(handle: FileHandle, start: number, end: number) {
    super([]);
    this.#handle = handle;
    this.#start = start;
    this.size = end - start;
  }

  override slice(start = 0, end = this.size): Blob {
    const within = (offset: number) => this.#start + Math.min(Math.max(offset, 0), this.size);
    return new FileBlob(this.#handle, within(start), within(end));
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    if ((await readAt(this.#handle, bytes, this.#start)) < bytes.length) throw new Error('it was cut off meanwhile');
    return bytes.buffer;
  }
}

async function* readBatches(file: string, table: Table): AsyncGenerator<Batch> {
  const arrow = await import('apache-arrow');
  const { handle, bytes } = await openForReading(file, 'Parquet');
  try {
    const parquet = await whole(file, () => openParquet(handle, bytes));
    const groups = parquet.metadata().numRowGroups();
    try {
      for (let group = 0; group < groups; group += 1) {
        yield await whole(file, async () => {
          const held = await parquet.read({ rowGroups: [group], batchSize: GROUP_ROWS });
          return batchOf(arrow.tableFromIPC(held.intoIPCStream()), table);
        });
      }
    } finally {
      parquet.free();
    }
  } finally {
    await handle.close();
  }
}

function batchOf({ batches }: Arrow.Table, { columns, arrays }: Table): Batch {
  const [records] = batches;
  if (records === undefined || batches.length > 1) throw new Error(`a group of it has ${batches.length} batches`);
  const { numRows } = records;
  const parts = records.data.children;
  const scalars = columns.map((column, i) => cellsOf(column, parts[i] as Arrow.Data));
  const cells = Array.from({ length: numRows }, (_, row) => scalars.map((values) => values[row] as ParquetCell));
  const lists = parts.slice(columns.length);
  const blank = Array.from({ length: numRows }, (_, row) => lists[0]?.getValid(row) === false);
  const numbers = arrays.map((spec, i) => numbersOf(spec, lists[i] as Arrow.Data, blank));
  return { cells, arrays: numbers, blank };
}

function numbersOf(spec: ArraySpec, { children: [child] }: Arrow.Data, blank: readonly boolean[]) {
  const numbers = child?.values as Float32Array | Uint16Array;
  const length = rowLength(spec);
  if (numbers.length !== blank.length * length) throw new Error(`${spec.name} has ${numbers.length} numbers`);
  const none = spec.dtype === 'f32' ? Number.NaN : F16_NAN;
  for (const [row, isBlank] of blank.entries()) if (isBlank) numbers.fill(none, row * length, (row + 1) * length);
  return numbers;
}

function cellsOf(column: Column, data: Arrow.Data): ParquetCell[] {
  return Array.from({ length: data.length }, (_, row) => fromArrow(column, data, row));
}
function fromArrow({ type }: Column, data: Arrow.Data, row: number): ParquetCell {
  if (!data.getValid(row)) return null;
  const { values, valueOffsets } = data;
  switch (type) {
    case 'string': // not by Arrow, which takes a byte order mark for no part of a text
      return Buffer.from(values.buffer, values.byteOffset).toString('utf8', valueOffsets[row], valueOffsets[row + 1]);
    case 'bool':
      return (((values[row >> 3] as number) >> (row & 7)) & 1) === 1;
    default:
      return Number(values[row]);
  }
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

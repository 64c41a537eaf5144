/** Rows of a dataset: predictions and what is known of the image, in one table. */

import type { CsvCell } from '../rows/csv.js';
import { csvEncoder } from '../rows/csv.js';
import type { RowEncoder } from '../rows/encoder.js';
import { RECORD_VERSION } from '../rows/jsonl.js';
import { shortestFloat32 } from '../rows/numbers.js';
import type { Column } from '../rows/parquet.js';
import type { FailedRow, FileDetails, LayerValues, Prediction, RowBase } from '../rows/records.js';

export interface DatasetOkRow extends RowBase {
  readonly status: 'ok';
  readonly width: number;
  readonly height: number;
  readonly details: FileDetails | null;
  /** At most k, best first; none for a model without classifier. */
  readonly top: readonly Prediction[];
  readonly layers: readonly LayerValues[];
}

export type DatasetRow = DatasetOkRow | FailedRow;

/** A column and what it means, for the manifest. */
export interface DescribedColumn extends Column {
  readonly description: string;
}

/** The table's columns with `topK` classes a row. */
export function datasetColumns(topK: number): readonly DescribedColumn[] {
  const column = (name: string, type: Column['type'], nullable: boolean, description: string) => ({
    name,
    type,
    nullable,
    description,
  });
  return [
    column('index', 'int64', false, 'position in the whole input, from 0'),
    column('path', 'string', false, 'as named; bytes that are not UTF-8 as \\xNN'),
    column('status', 'string', false, 'ok or error'),
    column('error_code', 'string', true, 'why there is no result'),
    column('error_message', 'string', true, 'the same in a sentence'),
    column('width', 'int32', true, 'pixels, upright'),
    column('height', 'int32', true, 'pixels, upright'),
    column('format', 'string', true, 'jpeg, png, webp, gif, tiff or avif, by content'),
    column('bytes', 'int64', true, 'size of the file'),
    column('sha256', 'string', true, 'of the file, in hex'),
    column('taken', 'string', true, 'EXIF date, ISO 8601'),
    ...Array.from({ length: topK }, (_, i) => i + 1).flatMap((rank) => [
      column(`class_${rank}`, 'int32', true, `index of class ${rank}, from 0`),
      column(`label_${rank}`, 'string', true, `name of class ${rank}`),
      column(`prob_${rank}`, 'float', true, `softmax probability of class ${rank}`),
    ]),
  ];
}

/** A row's cells in the order of `datasetColumns`. */
export function datasetCells(row: DatasetRow, topK: number): (string | number | null)[] {
  const { path, index, status, details } = row;
  const file = [details?.format ?? null, details?.bytes ?? null, details?.sha256 ?? null, details?.taken ?? null];
  if (row.status === 'error') {
    const none = new Array<null>(3 * topK).fill(null);
    return [index, path, status, row.error.code, row.error.message, null, null, ...file, ...none];
  }
  const top = Array.from({ length: topK }, (_, i) => row.top[i]).flatMap((each) =>
    each === undefined ? [null, null, null] : [each.class, each.label, shortestFloat32(each.prob)],
  );
  return [index, path, status, null, null, row.width, row.height, ...file, ...top];
}

export function datasetCsv(topK: number): RowEncoder<DatasetRow> {
  return csvEncoder(
    datasetColumns(topK).map(({ name }) => name),
    (row) => [datasetCells(row, topK).map((cell): CsvCell => cell ?? '')],
  );
}

/** The row of CSV text whose position has changed: the index is its first cell. */
export function reindexDatasetCsv(text: Buffer, path: string, from: number, to: number): Buffer {
  const start = `${from},`;
  const row = text.toString();
  if (!row.startsWith(start)) throw new Error(`Expected the row of ${path} at ${from}.`);
  return Buffer.from(`${to},${row.slice(start.length)}`);
}

export function datasetJsonl(): RowEncoder<DatasetRow> {
  const toObject = (row: DatasetRow): object => {
    const { path, index, status, details } = row;
    const start = { v: RECORD_VERSION, path, index, status };
    if (row.status === 'error') {
      return { ...start, ...details, error: { code: row.error.code, message: row.error.message } };
    }
    const top = row.top.map((each) => ({
      rank: each.rank,
      class: each.class,
      label: each.label,
      prob: shortestFloat32(each.prob),
    }));
    return { ...start, width: row.width, height: row.height, ...details, top };
  };
  return {
    header: () => '',
    encode: (rows) => rows.map((row) => `${JSON.stringify(toObject(row))}\n`).join(''),
  };
}

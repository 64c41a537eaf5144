/**
 * CSV after RFC 4180 with LF line ends and a header, in UTF-8. Cells are the data as it is: a path that begins with
 * `=` is a formula to a spreadsheet, so open files from strangers as text there.
 */

import { stringify } from 'csv-stringify/sync';
import { type RowEncoder, type Scores, scoreNames } from './encoder.js';
import { shortestFloat32 } from './numbers.js';
import type { ClassifyRow, Prediction } from './records.js';

export type CsvCell = string | number;

export interface ClassifyCsvOptions {
  /** Classes a row has cells for. */
  readonly topK: number;
  readonly scores: Scores;
}

/** `path,status,width,height,class_1,label_1,prob_1,…,error`: one line an image, a failed one's cells empty. */
export function classifyCsv({ topK, scores }: ClassifyCsvOptions): RowEncoder<ClassifyRow> {
  const names = scoreNames(scores);
  const ranks = Array.from({ length: topK }, (_, i) => i + 1);
  const header = [
    ...['path', 'status', 'width', 'height'],
    ...ranks.flatMap((rank) => ['class', 'label', ...names].map((name) => `${name}_${rank}`)),
    'error',
  ];
  const blank: readonly CsvCell[] = ['', '', ...names.map(() => '')];
  return csvEncoder(header, (row) => {
    if (row.status === 'error') {
      return [[row.path, row.status, '', '', ...ranks.flatMap(() => blank), `${row.error.code}: ${row.error.message}`]];
    }
    const cells = ranks.flatMap((rank) => {
      const prediction = row.top[rank - 1];
      return prediction === undefined ? blank : predictionCells(prediction, scores);
    });
    return [[row.path, row.status, row.width, row.height, ...cells, '']];
  });
}

/**
 * `path,rank,class,label,prob`: one line a class. An image without one (it failed, or nothing reached the threshold)
 * has one line with its path alone, so that every input appears.
 */
export function classifyLongCsv({ scores }: Pick<ClassifyCsvOptions, 'scores'>): RowEncoder<ClassifyRow> {
  const names = scoreNames(scores);
  return csvEncoder(['path', 'rank', 'class', 'label', ...names], (row) => {
    if (row.status === 'error' || row.top.length === 0) return [[row.path, '', '', '', ...names.map(() => '')]];
    return row.top.map((prediction) => [row.path, prediction.rank, ...predictionCells(prediction, scores)]);
  });
}

function predictionCells(prediction: Prediction, scores: Scores): CsvCell[] {
  return [prediction.class, prediction.label, ...scoreNames(scores).map((name) => shortestFloat32(prediction[name]))];
}

/** Rows of cells, after a header. */
export function csvEncoder<Row>(header: readonly string[], toLines: (row: Row) => CsvCell[][]): RowEncoder<Row> {
  const lines = (cells: readonly (readonly CsvCell[])[]) =>
    // A lone CR ends a line for some readers, so it is quoted like LF.
    stringify(cells as CsvCell[][], { record_delimiter: '\n', quoted_match: '\r' });
  return {
    header: () => lines([header]),
    encode: (rows) => lines(rows.flatMap(toLines)),
  };
}

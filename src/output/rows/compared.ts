/** Rows of two models' differences, and what all of them together say. */

import { csvEncoder } from './csv.js';
import type { RowEncoder } from './encoder.js';
import { RECORD_VERSION } from './jsonl.js';
import type { FailedRow, RowBase } from './records.js';

/** What two models give for one image. */
export interface ComparedRow extends RowBase {
  readonly status: 'ok';
  /** Largest and mean |Δ| of the outputs, in their own unit. */
  readonly maxDiff: number;
  readonly meanDiff: number;
  /** Largest magnitude of the first model's outputs: what the differences are to be measured by. */
  readonly largest: number;
  /** The best class of each model, and the share of the first's k best that the second has too; `null` without classes. */
  readonly classes: { readonly first: number; readonly second: number; readonly topK: number } | null;
}

type Row = ComparedRow | FailedRow;

/** `path,status,max_diff,mean_diff,largest,class,class_against,topk,error` */
export function comparedCsv(): RowEncoder<Row> {
  const header = ['path', 'status', 'max_diff', 'mean_diff', 'largest', 'class', 'class_against', 'topk', 'error'];
  return csvEncoder(header, (row) => {
    if (row.status === 'error') {
      return [[row.path, row.status, '', '', '', '', '', '', `${row.error.code}: ${row.error.message}`]];
    }
    const { path, status, maxDiff, meanDiff, largest, classes } = row;
    const agreement = classes === null ? ['', '', ''] : [classes.first, classes.second, classes.topK];
    return [[path, status, maxDiff, meanDiff, largest, ...agreement, '']];
  });
}

export function comparedJsonl(): RowEncoder<Row> {
  const line = (row: Row) => {
    const { path, index, status } = row;
    const base = { v: RECORD_VERSION, path, index, status };
    if (row.status === 'error') return JSON.stringify({ ...base, error: row.error });
    const { maxDiff, meanDiff, largest, classes } = row;
    return JSON.stringify({ ...base, max_diff: maxDiff, mean_diff: meanDiff, largest, classes });
  };
  return { header: () => '', encode: (rows) => rows.map((row) => `${line(row)}\n`).join('') };
}

export interface Agreement {
  readonly images: number;
  readonly maxDiff: number;
  readonly meanDiff: number;
  /** Largest magnitude of the first model's outputs over all images. */
  readonly largest: number;
  /** `maxDiff` / `largest` */
  readonly relativeDiff: number;
  /** Path of the image with the largest difference. */
  readonly worst: string | null;
  /** Percent of the images with the same best class; `null` without classes. */
  readonly top1: number | null;
  /** Mean share of common classes among the k best, in percent. */
  readonly topK: number | null;
}

/** Adds up rows. */
export class AgreementSum {
  #images = 0;
  #maxDiff = 0;
  #meanDiff = 0;
  #largest = 0;
  #worst: string | null = null;
  #withClasses = 0;
  #same = 0;
  #topK = 0;

  add(row: Row): void {
    if (row.status === 'error') return;
    this.#images += 1;
    this.#meanDiff += row.meanDiff;
    this.#largest = Math.max(this.#largest, row.largest);
    // NaN is larger than all, and stays.
    if (this.#worst === null || !(row.maxDiff <= this.#maxDiff || Number.isNaN(this.#maxDiff))) {
      this.#maxDiff = row.maxDiff;
      this.#worst = row.path;
    }
    if (row.classes === null) return;
    this.#withClasses += 1;
    this.#same += row.classes.first === row.classes.second ? 1 : 0;
    this.#topK += row.classes.topK;
  }

  result(): Agreement {
    const share = (sum: number) => (this.#withClasses === 0 ? null : (100 * sum) / this.#withClasses);
    return {
      images: this.#images,
      maxDiff: this.#maxDiff,
      meanDiff: this.#images === 0 ? 0 : this.#meanDiff / this.#images,
      largest: this.#largest,
      relativeDiff: this.#largest === 0 ? this.#maxDiff : this.#maxDiff / this.#largest,
      worst: this.#worst,
      top1: share(this.#same),
      topK: share(this.#topK),
    };
  }
}

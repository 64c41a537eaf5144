/** Rows to text. One format, one file; the flag `--format`, the writers and the tests read the same names. */

/** The names that `--format` takes. */
export const ROW_FORMATS = ['csv', 'jsonl', 'table'] as const;

export type RowFormat = (typeof ROW_FORMATS)[number];

/** The formats of a file that can be continued and merged. */
export const STORE_FORMATS = ['csv', 'jsonl', 'npy', 'parquet', 'safetensors'] as const;

export type StoreFormat = (typeof STORE_FORMATS)[number];

/** Turns rows into text, in order; keeps no rows. */
export interface RowEncoder<Row> {
  /** Written once before the first row, even when none follows; empty where the format has no header. */
  header(): string;
  /** The rows' text, every line ended. */
  encode(rows: readonly Row[]): string;
  /** Where the look depends on the first rows: fixes it by them. Later calls change nothing. */
  readonly fitTo?: (rows: readonly Row[]) => void;
}

/** Which scores of a class a row shows. */
export const SCORES = ['prob', 'logit', 'both'] as const;

export type Scores = (typeof SCORES)[number];

/** The names of the numbers that `scores` stands for, in the order they are written. */
export function scoreNames(scores: Scores): readonly ('prob' | 'logit')[] {
  return scores === 'both' ? ['prob', 'logit'] : [scores];
}

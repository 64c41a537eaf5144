/** Rows to text. One format, one file; the flag `--format`, the writers and the tests read the same names. */

/** The names that `--format` takes. */
export const ROW_FORMATS = ['csv', 'jsonl', 'table'] as const;

export type RowFormat = (typeof ROW_FORMATS)[number];

/** Turns rows into text, in order; keeps no rows. */
export interface RowEncoder<Row> {
  /** Written once before the first row, even when none follows; empty where the format has no header. */
  header(): string;
  /** The rows' text, every line ended. */
  encode(rows: readonly Row[]): string;
}

/** Which scores of a class a row shows. */
export const SCORES = ['prob', 'logit', 'both'] as const;

export type Scores = (typeof SCORES)[number];

/** The names of the numbers that `scores` stands for, in the order they are written. */
export function scoreNames(scores: Scores): readonly ('prob' | 'logit')[] {
  return scores === 'both' ? ['prob', 'logit'] : [scores];
}

/** What the streaming commands share: their events, the counts of a run, and the exit code that follows from them. */

import { ExitCode } from '../../errors.js';
import type { ModelCard } from '../../network/card.js';
import type { FailedRow } from '../../output/rows/records.js';
import type { KeptRow } from '../../output/store/kept-row.js';
import type { RunSettings } from './settings.js';

/** What the rows of a run depend on, besides its own flags. */
export interface RunIdentity {
  readonly card: ModelCard;
  /** sha256 of the model file in hex; `null` for generated weights. */
  readonly modelHash: string | null;
  readonly settings: RunSettings;
}

/** Counts of one run, kept up to date while it streams. */
export interface RunCounts {
  /** Inputs that have a row by now. */
  seen: number;
  ok: number;
  failed: number;
  /** Of those seen: taken over from an earlier run. */
  skipped: number;
}

/** The events that every streaming service yields. */
export type RunEvent<Row> =
  /** Once, before the first row; the model is loaded and ready. */
  | {
      readonly type: 'ready';
      readonly card: ModelCard;
      /** sha256 of the model file in hex, settled later than the first rows; `null` for generated weights. */
      readonly modelHash: Promise<string | null>;
      /** Inputs to come; unknown for a list that is still being read. */
      readonly total: number | undefined;
      readonly settings: RunSettings;
    }
  /** Something that the user should know and that does not end the run: one line. */
  | { readonly type: 'notice'; readonly message: string }
  /** Rows in input order, as soon as a batch is done; `counts` includes them. */
  | {
      readonly type: 'rows';
      readonly rows: readonly (Row | FailedRow | KeptRow)[];
      readonly counts: Readonly<RunCounts>;
    };

/** `--max-errors`: a number of images, or a share of those seen. */
export type MaxErrors = { readonly count: number } | { readonly percent: number };

/** 0 where failures stayed within the allowance, else 3. */
export function exitCodeOf(counts: RunCounts, allowed: MaxErrors): ExitCode {
  const limit = 'count' in allowed ? allowed.count : (allowed.percent / 100) * counts.seen;
  return counts.failed <= limit ? ExitCode.Ok : ExitCode.SomeFailed;
}

/** What the streaming commands share: the counts of a run, and the exit code that follows from them. */

import { ExitCode } from '../errors.js';

/** Counts of one run, kept up to date while it streams. */
export interface RunCounts {
  /** Inputs taken so far. */
  seen: number;
  ok: number;
  failed: number;
  /** Inputs not tried, because an earlier run has them. */
  skipped: number;
}

/** `--max-errors`: a number of images, or a share of those seen. */
export type MaxErrors = { readonly count: number } | { readonly percent: number };

/** 0 where failures stayed within the allowance, else 3. */
export function exitCodeOf(counts: RunCounts, allowed: MaxErrors): ExitCode {
  const limit = 'count' in allowed ? allowed.count : (allowed.percent / 100) * counts.seen;
  return counts.failed <= limit ? ExitCode.Ok : ExitCode.SomeFailed;
}

/** Where the rows of a run go, as the run sees it: stdout, a pipe, a file or a dataset. */

import type { FailedRow } from '../../output/rows/records.js';
import type { RowWriter } from '../../output/store/row-writer.js';
import type { EarlierRows } from '../../services/pipeline/pipeline.js';
import type { RunEvent, RunIdentity } from '../../services/pipeline/run.js';

/** The event that says what the rows depend on. */
export type Ready = Extract<RunEvent<never>, { readonly type: 'ready' }>;

/** Where the rows of a run go. */
export interface RunOutput<Row> {
  /** As it was typed. */
  readonly file: string;
  readonly format: string;
  /** Where the record of the run is kept; none for a stream, a pipe or a device. */
  readonly record?: string;
  /** With --resume: what earlier runs have. */
  readonly earlier?: (run: RunIdentity) => Promise<EarlierRows>;
  readonly open: (ready: Ready) => Promise<RowWriter<Row | FailedRow>>;
  /** Ends what `earlier` began; resolves to what the user should know of it. */
  readonly close: (end: { readonly complete: boolean }) => Promise<readonly string[]>;
}

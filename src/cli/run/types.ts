/** What a command gives to a run that streams rows. */

import type { ImageList } from '../../images/list/find.js';
import type { FailedRow } from '../../output/rows/records.js';
import type { RowWriter } from '../../output/store/row-writer.js';
import type { Machine } from '../../output/store/run-record.js';
import type { EarlierRows } from '../../services/pipeline/pipeline.js';
import type { MaxErrors, RunEvent, RunIdentity } from '../../services/pipeline/run.js';
import type { Progress } from '../terminal/progress.js';
import type { Interruption } from './signals.js';

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

export interface StreamRun<Row> {
  readonly command: string;
  /** For the record. */
  readonly arguments: readonly string[];
  readonly images: Pick<ImageList, 'digest' | 'listDigest' | 'passedOver'>;
  readonly events: AsyncIterable<RunEvent<Row>>;
  readonly output: RunOutput<Row>;
  readonly maxErrors: MaxErrors;
  readonly stopOnError: boolean;
  /** Whether failed images are told on stderr: not where their rows are before the user's eyes. */
  readonly tellFailures: boolean;
  /** Print the record on stdout. */
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly progress: Progress;
  readonly interruption: Interruption;
  readonly machine: () => Promise<Machine>;
  /** For the record: what the rows say together. */
  readonly results?: () => object;
  /** Writes a line to stderr. */
  readonly say: (line: string) => void;
  readonly notice: (message: string) => void;
}

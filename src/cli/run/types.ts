/** What a command gives to a run that streams rows. */

import type { ImageList } from '../../images/list/find.js';
import type { Machine } from '../../output/run-record.js';
import type { MaxErrors, RunEvent } from '../../services/pipeline/run.js';
import type { RunOutput } from '../output/run-output.js';
import type { Progress } from '../terminal/progress.js';
import type { Interruption } from './signals.js';

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

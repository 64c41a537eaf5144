/** What a command gives to a run that streams rows. */

import type { ImageList } from '../image/find.js';
import type { ModelCard } from '../model/card.js';
import type { RowEncoder } from '../output/encoder.js';
import type { Machine } from '../output/run-record.js';
import type { Sink } from '../output/sink.js';
import type { MaxErrors, RunEvent } from '../services/run.js';
import type { Progress } from './progress.js';
import type { Interruption } from './signals.js';

export interface StreamRun<Row> {
  readonly command: string;
  /** For the record. */
  readonly arguments: readonly string[];
  readonly images: ImageList;
  readonly events: AsyncIterable<RunEvent<Row>>;
  /** Made once the model is known. */
  readonly encoder: (card: ModelCard) => RowEncoder<Row>;
  readonly output: { readonly file: string; readonly format: string; readonly sink: Sink };
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
  /** Writes a line to stderr. */
  readonly say: (line: string) => void;
  readonly notice: (message: string) => void;
}

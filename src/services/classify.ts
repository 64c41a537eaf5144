/** Classify images: find → decode and preprocess → VGG-16 → rows, as a stream of events. */

import type { ImageList } from '../image/find.js';
import type { DecodeMode } from '../image/load.js';
import type { ModelCard } from '../model/card.js';
import type { Precision } from '../model/engine.js';
import type { OpenOptions } from '../model/open.js';
import type { ClassifyRow } from '../output/records.js';
import type { RunCounts } from './run.js';

export interface ClassifyOptions {
  /** From `findImages`. */
  readonly images: ImageList;
  /** A known name or the path of a weight file. */
  readonly model: string;
  readonly open: OpenOptions;
  /** Classes a row, at most. */
  readonly topK: number;
  /** Least softmax probability of a class in a row, 0 to 1. */
  readonly threshold: number;
  readonly batchSize: number | 'auto';
  /** Images decoded at the same time. */
  readonly workers: number;
  /** Threads of TensorFlow's kernels. */
  readonly threads: number;
  readonly precision: Precision | 'auto';
  /** Largest width × height that is decoded. */
  readonly maxPixels: number;
  readonly autoOrient: boolean;
  readonly decode: DecodeMode;
  /** Stop at the first image that fails. */
  readonly stopOnError: boolean;
  /** Aborted: images in flight are finished, their rows come out, and the stream ends. */
  readonly signal: AbortSignal;
}

/** What was decided for the run, for people and for the run record. */
export interface RunSettings {
  readonly batchSize: number;
  readonly workers: number;
  readonly threads: number;
  readonly precision: Precision;
}

export type ClassifyEvent =
  /** Once, before the first row; the model is loaded and ready. */
  | {
      readonly type: 'ready';
      readonly card: ModelCard;
      /** sha256 of the model file in hex, settled later than the first rows; `null` for generated weights. */
      readonly modelHash: Promise<string | null>;
      readonly total: number | undefined;
      readonly settings: RunSettings;
    }
  /** Something that the user should know and that does not end the run: one line. */
  | { readonly type: 'notice'; readonly message: string }
  /** Rows in input order, as soon as a batch is done; `counts` includes them. */
  | { readonly type: 'rows'; readonly rows: readonly ClassifyRow[]; readonly counts: Readonly<RunCounts> };

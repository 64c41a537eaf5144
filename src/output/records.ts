/** What one image's result is, before it becomes bytes: the contract that the writers and the tests share. */

import type { ImageErrorCode } from '../errors.js';

/** One class of one image's top-k. */
export interface Prediction {
  /** 1 for the most probable. */
  readonly rank: number;
  /** Index of the class, from 0. */
  readonly class: number;
  /** The model's name for the class; its index as text when the model has no labels. */
  readonly label: string;
  /** Softmax probability, a float32. */
  readonly prob: number;
  /** Value before the softmax, a float32. */
  readonly logit: number;
}

/** Present in every row. */
interface RowBase {
  /** As shown to people and written to files: valid UTF-8, relative unless asked otherwise. */
  readonly path: string;
  /** Position in the input order, from 0. */
  readonly index: number;
}

export interface FailedRow extends RowBase {
  readonly status: 'error';
  readonly error: { readonly code: ImageErrorCode; readonly message: string };
}

export interface ClassifiedRow extends RowBase {
  readonly status: 'ok';
  /** Pixels of the image as decoded (and turned upright, where that was asked for). */
  readonly width: number;
  readonly height: number;
  /** At most k, best first; fewer where `--threshold` cut the list. */
  readonly top: readonly Prediction[];
}

export type ClassifyRow = ClassifiedRow | FailedRow;

/** What one image's result is, before it becomes bytes: the contract that the writers and the tests share. */

import type { ImageErrorCode } from '../../errors.js';

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
export interface RowBase {
  /** As shown to people and written to files: valid UTF-8, relative unless asked otherwise. */
  readonly path: string;
  /** Position in the input order, from 0. */
  readonly index: number;
  /** Size and time of the file when it was read, by which a later run knows it again; see images/list/identity.ts. */
  readonly identity: string;
}

export interface FailedRow extends RowBase {
  readonly status: 'error';
  readonly error: { readonly code: ImageErrorCode; readonly message: string };
  /** Where that was asked for; `null` for a file that could not be read. */
  readonly details?: FileDetails | null;
}

/** What is known of an image file, whether or not it could be decoded. */
export interface FileDetails {
  readonly bytes: number;
  /** Of the file, in hex. */
  readonly sha256: string;
  /** By content; `null` where it is no photo. */
  readonly format: string | null;
  /** EXIF date of the photo, ISO 8601, without a zone where the camera wrote none. */
  readonly taken: string | null;
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

/** Some layers' activations of one image. */
export interface ExtractedRow extends RowBase {
  readonly status: 'ok';
  readonly layers: readonly LayerValues[];
}

export interface LayerValues {
  /** As shown: the paper's name, or `logits`. */
  readonly layer: string;
  /** Of one image: `[4096]`, `[7, 7, 512]`. */
  readonly shape: readonly number[];
  /** Row-major; half floats as their bits. */
  readonly values: Float32Array | Uint16Array;
}

export type ExtractRow = ExtractedRow | FailedRow;

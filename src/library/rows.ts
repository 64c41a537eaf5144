/** What the library gives back: plain values of its own, whatever the pipeline and the stores call theirs. */

import type { ImageErrorCode } from '../errors.js';

/** One of an image's most probable classes. */
export interface Prediction {
  /** 1 for the most probable. */
  readonly rank: number;
  /** Index of the class, from 0. */
  readonly class: number;
  /** The model's name for the class; its index as text when the model has no labels. */
  readonly label: string;
  /** Softmax probability. */
  readonly prob: number;
  /** Value before the softmax. */
  readonly logit: number;
}

/** The most probable classes of an image. */
export interface Classification {
  /** Pixels of the whole image, upright. */
  readonly width: number;
  readonly height: number;
  /** Best first. */
  readonly top: readonly Prediction[];
}

/** The activations of one layer for one image. */
export interface Activations {
  /** The paper's name of the layer, or `logits`. */
  readonly layer: string;
  /** `[4096]`, `[512]`; without pooling `[7, 7, 512]`. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** In every row: which image it is about. */
export interface RowBase {
  /** Path of the file, or the name of an input that has none. */
  readonly path: string;
  /** Position among the images, from 0. */
  readonly index: number;
}

/** An image that could not be used. */
export interface ErrorRow extends RowBase {
  readonly status: 'error';
  readonly error: { readonly code: ImageErrorCode; readonly message: string };
}

export type ClassifyRow = (RowBase & { readonly status: 'ok' } & Classification) | ErrorRow;

export type ExtractRow = (RowBase & { readonly status: 'ok' } & Activations) | ErrorRow;

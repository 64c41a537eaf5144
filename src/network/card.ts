/** The card that travels with a set of weights: what it is, what it must be fed, what its outputs mean. */

import { ADVICE, modelError } from '../errors.js';
import type { Architecture } from './architecture.js';
import type { Preset } from './preset.js';
import type { FileRange, Weights } from './tensors.js';

export interface ModelCard {
  /** Short name: `mini`, `imagenet`, or the file's name without its extension. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly preset: Preset;
  /** One label a class, in class order; `null` when nobody has said. */
  readonly labels: readonly string[] | null;
  /** SPDX identifier or a sentence; `null` when unknown. */
  readonly license: string | null;
  /** Where the weights come from, in a sentence or an address. */
  readonly source: string | null;
  /** Published or measured top-1 accuracy in percent, with the data it was measured on. */
  readonly accuracy: { readonly top1: number; readonly top5?: number; readonly on: string } | null;
  /** Why the classifier that was published with these convolutions is left out, where one was. */
  readonly noClassifier?: string;
}

/** A card and where its weights lie: all that the engine needs, as plain data. */
export interface Model {
  readonly card: ModelCard;
  readonly weights: Weights;
  /** The file, or `null` for generated weights. */
  readonly file: { readonly path: string; readonly bytes: number } | null;
  /** What int8 arithmetic needs, where the file carries it; `weights` are then the same in float32. */
  readonly int8?: Int8Weights;
}

/** Quantised weights and activations, of all layers but fc8. */
export interface Int8Weights {
  /** The activation after the ReLU that is the largest uint8; 0 is 0. */
  readonly ranges: Readonly<Record<string, number>>;
  /**
   * int8 in TensorFlow's order, and what one step of each output channel is worth. Of conv1_1 for bytes as input: the
   * preset's divisor and std are in its kernel.
   */
  readonly kernels: Readonly<Record<string, { readonly integers: FileRange; readonly scale: readonly number[] }>>;
}

/** What int8 needs of a model. Throws MODEL_INVALID, and what to type, where it has none. */
export function requireInt8({ card, int8 }: Model): Int8Weights {
  if (int8 !== undefined) return int8;
  throw modelError(`Expected a model with int8 weights and ranges but ${card.name} has none.`, {
    hint: `vgg16 model quantize ${card.name}${ADVICE.calibrate}`,
  });
}

/** `openModel`: a network that stays in memory, for one image after another. */

import type { ModelCard } from '../network/card.js';
import type { ImageInput } from './inputs.js';
import { type ActivationOptions, DEFAULTS, type ModelOptions, type PixelOptions, type TopOptions } from './options.js';
import type { Activations, Classification } from './rows.js';
import { checkPixels } from './stream.js';
import { openOptions } from './weights.js';

export interface OpenModelOptions extends ModelOptions, PixelOptions {}

/** An open network. It keeps the process alive until it is closed. */
export interface Vgg16Model extends AsyncDisposable {
  /** What the model is, what it is fed, what its outputs mean. */
  readonly card: ModelCard;
  /** Number of classes; 0 for a convolutional base, which can only `extract`. */
  readonly classes: number;
  /** One label a class, in class order; `null` when nobody has said. */
  readonly labels: readonly string[] | null;
  /** Throws an ImageError for an image that cannot be used. */
  classify(input: ImageInput, options?: TopOptions): Promise<Classification>;
  /** Throws as `classify` does. */
  extract(input: ImageInput, options?: ActivationOptions): Promise<Activations>;
  /** Waits for the calls in progress, then gives the memory back. */
  close(): Promise<void>;
}

/**
 * Opens a known model or a weight file; known weights that are not on this machine are downloaded. Only headers are read:
 * the first `classify` and the first `extract` of each layer load the weights that they need.
 * Throws a RunError when the model cannot be used.
 */
export async function openModel(
  nameOrPath: string = DEFAULTS.model,
  options: OpenModelOptions = {},
): Promise<Vgg16Model> {
  checkPixels(options);
  const open = await openOptions(nameOrPath, options);
  const { OpenNetwork } = await import('./open-network.js');
  return await OpenNetwork.open(nameOrPath, open, options);
}

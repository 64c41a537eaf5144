/** A network that stays in memory, for one image after another: what `openModel` gives. */

import type { ModelCard } from '../network/card.js';
import type { ImageInput } from './inputs.js';
import type { ActivationOptions, ModelOptions, PixelOptions, TopOptions } from './options.js';
import type { Activations, Classification } from './rows.js';

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

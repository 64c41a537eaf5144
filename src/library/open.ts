/** `openModel`: from a name and options to an open network. */

import type { OpenModelOptions, Vgg16Model } from './model.js';
import { DEFAULTS } from './options.js';
import { checkPixels } from './stream.js';
import { openOptions } from './weights.js';

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

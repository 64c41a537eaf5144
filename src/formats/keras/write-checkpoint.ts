/** Writes the weights of a `.keras` file as HDF5, through libhdf5 (h5wasm). */

import { stat } from 'node:fs/promises';
import { RunError } from '../../errors.js';
import type { Layer } from '../../network/architecture.js';
import type { Model } from '../../network/card.js';
import { TENSORFLOW_LAYOUT } from '../../network/tensors.js';
import { writeError } from '../export/foreign-error.js';
import { type LayerArrays, readLayer } from '../export/layer-weights.js';
import { kerasName } from './layer-names.js';

type Library = typeof import('h5wasm/node').default;

/** One layer at a time; fc6 is in memory twice, 411 MB each, as numbers and as libhdf5's. */
export async function writeCheckpoint(
  model: Model,
  layers: readonly Layer[],
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const { default: library } = await import('h5wasm/node');
  const { activate_throwing_error_handler: throwErrors } = (await library.ready) as unknown as Record<
    string,
    () => void
  >;
  // Otherwise libhdf5 writes errors to stderr, and h5wasm goes on.
  throwErrors?.();
  try {
    const file = new library.File(path, 'w');
    file.create_group('layers');
    const numbers = new Map<string, number>();
    for (const layer of layers) {
      if (layer.kernelShape === undefined) continue;
      signal?.throwIfAborted();
      const kind = layer.kind === 'conv' ? 'conv2d' : 'dense';
      const number = numbers.get(kind) ?? 0;
      numbers.set(kind, number + 1);
      // Keras names the group after the layer's class, with a number from the second one on.
      const group = `layers/${kind}${number === 0 ? '' : `_${number}`}`;
      writeLayer(file, group, kerasName(layer.name), await readLayer(model, layer.name, TENSORFLOW_LAYOUT));
    }
    file.close();
  } catch (error) {
    throw error instanceof RunError || signal?.aborted === true ? error : writeError('libhdf5', path, error);
  }
  const expected = layers.reduce((sum, { parameters }) => sum + parameters * Float32Array.BYTES_PER_ELEMENT, 0);
  const { size } = await stat(path);
  if (size < expected) throw writeError('libhdf5', path, `expected ${expected} bytes but it has ${size}`);
}

function writeLayer(file: InstanceType<Library['File']>, path: string, name: string, values: LayerArrays): void {
  file.create_group(path);
  const variables = file.create_group(`${path}/vars`);
  variables.create_attribute('name', name);
  const { kernel, kernelShape, bias } = values;
  variables.create_dataset({ name: '0', data: kernel, shape: [...kernelShape], dtype: '<f4' });
  variables.create_dataset({ name: '1', data: bias, shape: [bias.length], dtype: '<f4' });
}

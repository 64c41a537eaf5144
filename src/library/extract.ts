/** `extract`: the activations of a layer for each image. */

import { usageError } from '../errors.js';
import { parseLayer } from '../network/layer-names.js';
import type { LayerOutput } from '../network/output-request.js';
import type { LayerValues } from '../output/rows/records.js';
import type { ImageInputs } from './inputs.js';
import { type ActivationOptions, checkOneOf, type RunOptions, withDefaults } from './options.js';
import type { Activations, ExtractRow } from './rows.js';
import { errorRow, streamRows } from './stream.js';

export interface ExtractOptions extends RunOptions, ActivationOptions {}

/** A row for each image as `classify` gives them, with the values of a layer. Throws as it does. */
export async function* extract(
  inputs: ImageInputs,
  options: ExtractOptions = {},
): AsyncGenerator<ExtractRow, void, undefined> {
  const layers = [layerRequest(options)];
  const service = await import('../services/extract.js');
  for await (const row of streamRows(inputs, options, (stream) => service.extract({ ...stream, layers }))) {
    if (row.status === 'error') yield errorRow(row);
    else {
      const { path, index, status } = row;
      yield { path, index, status, ...activationsOf(row.layers) };
    }
  }
}

/** What the network is asked for. Throws USAGE where the options make no sense. */
export function layerRequest(options: ActivationOptions): LayerOutput {
  const { layer, activation, pool, normalize } = withDefaults(options);
  checkOneOf('activation', activation, ['post', 'pre']);
  checkOneOf('pool', pool, ['none', 'avg', 'max']);
  checkOneOf('normalize', normalize, ['none', 'l2']);
  const name = parseLayer(String(layer));
  if (name === undefined) {
    throw usageError(
      `Expected a layer such as fc7, pool5 or conv5_3 (or features.30, block5_pool, fc2 …) but received ${String(layer)}.`,
    );
  }
  return { kind: 'layer', layer: name, activation, pool, normalize, dtype: 'f32' };
}

/** A copy: the values are a part of their batch, which need not stay in memory as long as one of them. */
export function activationsOf([values]: readonly LayerValues[]): Activations {
  const { layer, shape, values: data } = values as LayerValues;
  return { layer, shape, data: new Float32Array(data) };
}

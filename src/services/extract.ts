/** Extract features: the activations of some layers, image by image. */

import type { Outputs } from '../engine/engine.js';
import { modelError } from '../errors.js';
import type { ModelCard } from '../network/card.js';
import { outputSpecOf } from '../network/layer-names.js';
import type { LayerOutput } from '../network/output-request.js';
import type { ExtractedRow, LayerValues } from '../output/rows/records.js';
import { nonFiniteRow, type StreamOptions, streamImages } from './pipeline/pipeline.js';
import type { RunEvent } from './pipeline/run.js';

export interface ExtractOptions extends StreamOptions {
  /** At least one; the network is computed as far as the last of them. */
  readonly layers: readonly LayerOutput[];
}

export type ExtractEvent = RunEvent<ExtractedRow>;

/** A layer as it is written: its name and the shape of one image's values. */
export interface LayerSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Throws a RunError when the model cannot be used or has no such layer. */
export function extract(options: ExtractOptions): AsyncGenerator<ExtractEvent, void> {
  const { layers } = options;
  return streamImages<ExtractedRow>(options, {
    outputs: () => layers,
    row: ({ path, index, identity }, outputs, n, count, card) => {
      const values = layerValues(card, layers, outputs, n, count);
      return values === undefined
        ? nonFiniteRow({ path, index, identity })
        : { path, index, identity, status: 'ok', layers: values };
    },
  });
}

/** Names and shapes of the layers' values. Throws a RunError for a layer that the model has not. */
export function layerSpecs(card: ModelCard, layers: readonly LayerOutput[]): readonly LayerSpec[] {
  return layers.map((layer) => outputSpecOf(card.architecture, layer));
}

/** Image `n`'s part of each layer's output; `undefined` where a value is not finite. */
export function layerValues(
  card: ModelCard,
  layers: readonly LayerOutput[],
  outputs: Outputs,
  n: number,
  count: number,
): readonly LayerValues[] | undefined {
  const specs = layerSpecs(card, layers);
  const found: LayerValues[] = [];
  for (const [i, { layer }] of layers.entries()) {
    const data = outputs[layer]?.data;
    const { name, shape } = specs[i] as LayerSpec;
    if (data === undefined || data instanceof Int32Array)
      throw modelError(`Expected values of ${layer} but found none.`);
    const length = data.length / count;
    const values = data.subarray(n * length, (n + 1) * length);
    if (!allFinite(values)) return undefined;
    found.push({ layer: name, shape, values });
  }
  return found;
}

/** Exponent bits of a half float: all set for infinity and NaN. */
const F16_EXPONENT = 0x7c00;

function allFinite(values: Float32Array | Uint16Array): boolean {
  if (values instanceof Uint16Array) {
    for (const bits of values) if ((bits & F16_EXPONENT) === F16_EXPONENT) return false;
    return true;
  }
  // A sum of finite numbers of this size stays finite in double precision, and NaN or infinity stay in it.
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i] as number;
  return Number.isFinite(sum);
}

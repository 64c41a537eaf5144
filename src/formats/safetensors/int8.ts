/** What a quantised model file of this tool says of its activations, and its weights both ways: in steps and as numbers. */

import { modelError } from '../../errors.js';
import { type Architecture, layersOf, weightLayersOf } from '../../network/architecture.js';
import type { Int8Weights, Model } from '../../network/card.js';
import { TENSORFLOW_LAYOUT, type TensorSource } from '../../network/tensors.js';
import { shown } from '../shared/shown.js';
import { parseUniqueJson } from '../shared/unique-json.js';
import type { WeightFile } from '../shared/weight-file.js';

/** The entry of the file's metadata: JSON of an `Int8Record`. */
export const INT8_KEY = 'int8';

/** How activations are quantised, and how that was found. */
export interface Int8Record {
  /** What becomes the largest uint8 after each layer's ReLU; of all layers with weights but fc8. */
  readonly ranges: Readonly<Record<string, number>>;
  /** How the ranges were chosen. */
  readonly method: string;
  /** Images that they were chosen with. */
  readonly images: number;
}

/** Layers that are computed in int8, in the order of the network: all with weights but the last, which people read. */
export function int8Layers(architecture: Architecture): readonly string[] {
  return weightLayersOf(architecture)
    .map(({ name }) => name)
    .filter((name) => name !== 'fc8');
}

/**
 * Adds what int8 arithmetic needs to a model of a quantised file; any other model is returned as it is. Throws MODEL_INVALID
 * where the file is not whole.
 */
export function withInt8(model: Model, file: WeightFile): Model {
  const text = file.metadata[INT8_KEY];
  if (text === undefined) return model;
  const { ranges } = parseRecord(text, file.path, model.card.architecture);
  const kernels: Record<string, Int8Weights['kernels'][string]> = {};
  for (const layer of int8Layers(model.card.architecture)) {
    const weights = model.weights[layer];
    const place = weights?.kernel.kind === 'stored' ? weights.kernel.place : undefined;
    if (
      weights?.layout !== TENSORFLOW_LAYOUT ||
      place?.kind !== 'quantized' ||
      place.type !== 'i8' ||
      place.pieces[0] === undefined
    ) {
      throw modelError(
        `Expected an int8 kernel of ${layer} in ${file.path}, which has ranges for int8, but it has none.`,
      );
    }
    kernels[layer] = { integers: place.pieces[0], scale: place.scale };
  }
  const [first] = layersOf(model.card.architecture);
  const name = first?.name ?? '';
  const weights = model.weights[name];
  if (weights === undefined) throw new Error(`Expected weights of ${name}.`);
  const kernel = unfolded(weights.kernel, model);
  return { ...model, weights: { ...model.weights, [name]: { ...weights, kernel } }, int8: { ranges, kernels } };
}

/** The first kernel is stored for bytes; as numbers it is for what the preset makes of them. */
function unfolded(of: TensorSource, { card }: Model): TensorSource {
  const { divisor, std } = card.preset;
  const shape = weightLayersOf(card.architecture)[0]?.kernelShape ?? [];
  return { kind: 'scaled', of, shape, axis: 2, factors: Float64Array.from(std, (each) => each * divisor) };
}

function parseRecord(text: string, path: string, architecture: Architecture): Pick<Int8Record, 'ranges'> {
  let value: unknown;
  try {
    value = parseUniqueJson(text);
  } catch (error) {
    throw modelError(`Expected JSON as the ${INT8_KEY} entry of ${path} but it is damaged.`, { cause: error });
  }
  const found = (typeof value === 'object' && value !== null && 'ranges' in value ? value.ranges : undefined) ?? {};
  const ranges: Record<string, number> = {};
  for (const layer of int8Layers(architecture)) {
    const range = Object.hasOwn(found, layer) ? (found as Record<string, unknown>)[layer] : undefined;
    if (typeof range !== 'number' || !(range > 0 && range <= MAX_RANGE)) {
      throw modelError(`Expected a positive range of ${layer} for int8 in ${path} but it is ${shown(range)}.`);
    }
    ranges[layer] = range;
  }
  return { ranges };
}

/** A range goes into the graph as a float32. */
const MAX_RANGE = 3e38;

/** A tensor that lies in a weight file: its name, shape and place, never its data. Files are hostile until parsed. */

import { modelError } from '../../errors.js';
import { type Place, WEIGHT_BYTES, type WeightType } from '../../network/tensors.js';
import { shown } from './shown.js';

/** A tensor as its file describes it; its place has been checked against the file's size. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The file's own name of the element type: F32, torch.LongStorage … */
  readonly dtype: string;
  /** `undefined` for a type that no weight has (integers, booleans). */
  readonly place: Place | undefined;
}

/** Tensors in one file, at most: VGG-16 has 32, a training checkpoint a few hundred. */
export const MAX_TENSORS = 10_000;

/** Axes of a tensor, at most: a convolution's kernel has four. */
export const MAX_AXES = 8;

/** Elements of a tensor of `shape`; throws where an axis is no count, there are too many, or the product is inexact. */
export function elementsOf(shape: readonly unknown[], name: string, path: string): number {
  if (shape.length > MAX_AXES) {
    throw modelError(`Expected at most ${MAX_AXES} axes for ${name} in ${path} but it has ${shape.length}.`);
  }
  let elements = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || (size as number) < 0) {
      throw modelError(`Expected counts as the shape of ${name} in ${path} but it holds ${shown(size)}.`);
    }
    elements *= size as number;
    if (!Number.isSafeInteger(elements))
      throw modelError(`The shape of ${name} in ${path} is too large: ${shown(shape)}.`);
  }
  return elements;
}

/** `elements` of `type` in bytes. */
export function bytesOf(elements: number, type: WeightType): number {
  return elements * WEIGHT_BYTES[type];
}

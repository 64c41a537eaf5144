/** Weights of a TensorFlow graph: what they are called, small ones as numbers, and equal ones that are stored nowhere. */

import type { FileRange } from '../../network/tensors.js';
import { elementCount } from '../../shape.js';
import type { StoredTensor } from '../shared/stored-tensor.js';
import { readTensor } from '../weights/read.js';

/** A tensor like `tensor` of equal values: as quantised numbers, each with the scale 0, for they have no place of their own. */
export function filled(tensor: StoredTensor, value: number): StoredTensor {
  const { place } = tensor;
  const ranges = place?.kind === 'range' ? [place] : place !== undefined && 'pieces' in place ? place.pieces : [];
  const pieces: FileRange[] = [];
  let missing = tensor.shape[0] ?? 0;
  for (const { file, offset, byteLength } of ranges) {
    const length = Math.min(missing, byteLength);
    if (length > 0) pieces.push({ file, offset, byteLength: length });
    missing -= length;
  }
  return { ...tensor, place: { kind: 'quantized', type: 'u8', pieces, scale: [0], offset: [value], axis: 0 } };
}

/** One number, or one a channel. */
export async function smallNumbers({ shape, place }: StoredTensor): Promise<readonly number[] | undefined> {
  const count = elementCount(shape);
  if (place === undefined || (count !== 1 && count !== 3)) return undefined;
  return Array.from(await readTensor({ kind: 'stored', place, shape }, count));
}

/** `vgg16/block1_conv1/kernel` is of the layer block1_conv1; a tensor named otherwise stands for its layer. */
export function layerName({ name }: StoredTensor): string {
  return LAYER_NAME.exec(name)?.[1] ?? name;
}

/** Of variables, and of the constants that converters make of them. */
const LAYER_NAME = /([^/]+)\/(?:kernel|(?:Conv2D|MatMul|convolution)(?:\/Cast)?(?:\/ReadVariableOp|_weights))$/;

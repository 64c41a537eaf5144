/** The architecture that the shapes of a file's tensors describe. */

import { type Architecture, CONVOLUTIONS_PER_BLOCK, INPUT_CHANNELS, KERNEL_SIZE } from '../../network/architecture.js';
import { isOutputFirst } from '../../network/tensors.js';
import { elementCount } from '../../shape.js';
import { shown } from './shown.js';
import type { StoredTensor } from './stored-tensor.js';
import { type NamedLayer, type NamedTensors, notVgg16 } from './tensor-names.js';
import type { WeightFile } from './weight-file.js';

/** Side of an input image, in pixels, at most: beyond it one image's activations pass a gigabyte. */
export const MAX_INPUT_SIZE = 4096;

/** Product of the five 2x2 pools: pixels of the input for one of pool5. */
const POOLED = 2 ** CONVOLUTIONS_PER_BLOCK.length;

/** Side of an input image, in pixels, at least: pool5 has one place then. */
export const MIN_INPUT_SIZE = POOLED;

/**
 * Widths, input size and classes. `inputSize`, in pixels, is for a base without classifier, whose shapes do not say it;
 * what the file itself asks for comes before it.
 * Throws MODEL_INVALID naming the first tensor whose shape or type does not fit, what was expected and what came.
 */
export function inferArchitecture(tensors: NamedTensors, inputSize: number, file: WeightFile): Architecture {
  const layer = (name: string) => tensors.layers.get(name) as NamedLayer;
  let channels = INPUT_CHANNELS;
  const convolutions = CONVOLUTIONS_PER_BLOCK.map((count, block) =>
    Array.from({ length: count }, (_, index) => {
      const { kernel, bias, layout } = layer(`conv${block + 1}_${index + 1}`);
      const outputFirst = isOutputFirst(layout);
      const width = kernel.shape[outputFirst ? 0 : 3];
      const expected = outputFirst
        ? ['n', channels, KERNEL_SIZE, KERNEL_SIZE]
        : [KERNEL_SIZE, KERNEL_SIZE, channels, 'n'];
      checkShape(kernel, expected, file);
      channels = width as number;
      if (bias !== undefined) checkShape(bias, [channels], file);
      return channels;
    }),
  );
  if (!tensors.layers.has('fc6')) {
    const asked = file.inputSize ?? inputSize;
    checkInputSize(asked, file);
    return { inputSize: asked, convolutions, classifier: null };
  }

  const [fc6, units] = dense(layer('fc6'), file);
  const side = Math.sqrt(units / channels);
  if (!Number.isInteger(side)) {
    throw notVgg16(
      file,
      `fc6 (${shown(layer('fc6').kernel.name)}) reads ${units} values, expected ${channels} times a square number`,
    );
  }
  // Pools drop an odd row: 150 pixels leave 4 as 128 do, and only the file itself can say which.
  const asked = file.inputSize ?? POOLED * side;
  checkInputSize(asked, file);
  if (Math.floor(asked / POOLED) !== side) {
    throw notVgg16(
      file,
      `its input of ${asked} pixels leaves ${Math.floor(asked / POOLED)} at pool5 but fc6 reads ${side}`,
    );
  }
  const [fc7, fc7Units] = dense(layer('fc7'), file);
  checkUnits(layer('fc7').kernel, fc6, fc7Units, file);
  const [classes, fc8Units] = dense(layer('fc8'), file);
  checkUnits(layer('fc8').kernel, fc7, fc8Units, file);
  return { inputSize: asked, convolutions, classifier: { fc6, fc7, classes } };
}

/** Odd ones are left out: an image's bytes would not fill whole 32-bit words. */
function checkInputSize(size: number, file: WeightFile): void {
  if (size < MIN_INPUT_SIZE || size > MAX_INPUT_SIZE || size % 2 !== 0) {
    throw notVgg16(file, `expected an input of ${MIN_INPUT_SIZE} to ${MAX_INPUT_SIZE} pixels, even, but it is ${size}`);
  }
}

/** Outputs and inputs of a dense layer; a torch kernel may be a convolution over all of its input, [out, c, h, w]. */
function dense({ kernel, bias, layout }: NamedLayer, file: WeightFile): [out: number, units: number] {
  const { shape } = kernel;
  const outputFirst = isOutputFirst(layout);
  const window = outputFirst && shape.length === 4 && shape[2] === shape[3];
  if (!window) checkShape(kernel, outputFirst ? ['n', 'm'] : ['m', 'n'], file);
  checkType(kernel, file);
  const out = (outputFirst ? shape[0] : shape[1]) as number;
  const units = elementCount(shape) / out;
  if (!(out >= 1 && units >= 1)) throw misshapen(kernel, ['n', 'm'], file);
  if (bias !== undefined) checkShape(bias, [out], file);
  return [out, units];
}

function checkUnits(kernel: StoredTensor, expected: number, units: number, file: WeightFile): void {
  if (units !== expected)
    throw notVgg16(file, `expected ${shown(kernel.name)} to read ${expected} values but it reads ${units}`);
}

/** Letters stand for any size from 1. */
function checkShape(tensor: StoredTensor, expected: readonly (number | string)[], file: WeightFile): void {
  const { shape } = tensor;
  const fits =
    shape.length === expected.length &&
    shape.every((size, axis) => (typeof expected[axis] === 'string' ? size >= 1 : size === expected[axis]));
  if (!fits) throw misshapen(tensor, expected, file);
  checkType(tensor, file);
}

function misshapen({ name, shape }: StoredTensor, expected: readonly (number | string)[], file: WeightFile): Error {
  return notVgg16(file, `expected the shape [${expected.join(', ')}] for ${shown(name)} but it is ${shown(shape)}`);
}

function checkType({ name, dtype, place }: StoredTensor, file: WeightFile): void {
  if (place === undefined)
    throw notVgg16(file, `expected floating-point numbers in ${shown(name)} but it holds ${shown(dtype)}`);
}

/** int8 kernels of this tool's own files: `conv1_2/kernel` in steps, and `conv1_2/scale`, what a step of each output is worth. */

import { modelError } from '../../errors.js';
import type { FileRange } from '../../network/tensors.js';
import type { RandomAccessFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';

/** Elements of a scale, at most: units of the widest layer that anybody has. */
const MAX_UNITS = 1 << 20;

const KERNEL = /^(.+)\/kernel$/;

/**
 * The tensors with their scales taken in: an int8 kernel that has one has a place, as floats have. Throws MODEL_INVALID
 * where a scale does not fit its kernel or is no positive number.
 */
export async function withScales(
  file: RandomAccessFile,
  tensors: readonly (StoredTensor & FileRange)[],
): Promise<readonly StoredTensor[]> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const used = new Set<string>();
  const scaled = tensors.map(async (tensor): Promise<StoredTensor> => {
    const layer = tensor.dtype === 'I8' ? KERNEL.exec(tensor.name)?.[1] : undefined;
    const scales = byName.get(`${layer}/scale`);
    if (scales === undefined) return tensor;
    used.add(scales.name);
    const { offset, byteLength } = tensor;
    const pieces = [{ file: file.path, offset, byteLength }];
    const scale = await readScale(file, scales, tensor);
    return {
      ...tensor,
      place: { kind: 'quantized', type: 'i8', pieces, scale, offset: [0], axis: tensor.shape.length - 1 },
    };
  });
  return (await Promise.all(scaled)).filter(({ name }) => !used.has(name));
}

async function readScale(
  file: RandomAccessFile,
  scales: StoredTensor & FileRange,
  kernel: StoredTensor,
): Promise<number[]> {
  const label = `${shown(scales.name)} in ${file.path}`;
  const units = kernel.shape.at(-1) ?? 0;
  if (scales.dtype !== 'F32' || scales.shape.length !== 1 || scales.shape[0] !== units || units > MAX_UNITS) {
    throw modelError(`Expected F32 [${units}] for ${label} but it is ${shown(scales.dtype)} ${shown(scales.shape)}.`);
  }
  const bytes = await file.read(scales.offset, scales.byteLength);
  const scale = Array.from({ length: units }, (_, i) => bytes.readFloatLE(4 * i));
  const wrong = scale.find((value) => !(value > 0 && Number.isFinite(value)));
  if (wrong !== undefined) throw modelError(`Expected positive numbers in ${label} but it holds ${wrong}.`);
  return scale;
}

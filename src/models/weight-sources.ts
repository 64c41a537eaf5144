/** From the tensors of a file to the sources of a network's weights: batch normalisations are folded into them here. */

import type { BatchNormStep } from '../formats/shared/network-steps.js';
import { shown } from '../formats/shared/shown.js';
import { elementsOf, type StoredTensor } from '../formats/shared/stored-tensor.js';
import { type NamedLayer, type NamedTensors, notVgg16 } from '../formats/shared/tensor-names.js';
import type { WeightFile } from '../formats/shared/weight-file.js';
import { readTensor } from '../formats/weights/read.js';
import type { LayerWeights, StoredSource, TensorSource, Weights } from '../network/tensors.js';
import { isOutputFirst } from '../network/tensors.js';

/** Sources for every layer; reads nothing but the vectors of batch normalisations. `inferArchitecture` comes first. */
export async function weightsOf({ layers }: NamedTensors, file: WeightFile): Promise<Weights> {
  const entries: [string, LayerWeights][] = [];
  for (const [name, layer] of layers) entries.push([name, await layerSources(layer, file)]);
  return Object.fromEntries(entries);
}

async function layerSources(layer: NamedLayer, file: WeightFile): Promise<LayerWeights> {
  const { layout, normBefore, normAfter } = layer;
  const { shape } = layer.kernel;
  const outputAxis = isOutputFirst(layout) ? 0 : shape.length - 1;
  const outputs = shape[outputAxis] as number;
  let kernel: TensorSource = stored(layer.kernel, file);
  let bias: TensorSource =
    layer.bias === undefined ? { kind: 'values', values: new Float32Array(outputs) } : stored(layer.bias, file);

  if (normBefore !== undefined) {
    // y = kernel' (scale x + shift) + bias
    const rows = outputAxis === 0 ? [outputs, elementsOf(shape, layer.kernel.name, file.path) / outputs] : [...shape];
    const inputAxis = outputAxis === 0 ? 1 : 0;
    const { scale, shift } = eachInput(await affineOf(normBefore, file), rows[inputAxis] as number, layer, file);
    bias = { kind: 'shifted', bias, kernel, shape: rows, inputAxis, shift };
    kernel = { kind: 'scaled', of: kernel, shape: rows, axis: inputAxis, factors: scale };
  }
  if (normAfter !== undefined) {
    // y = scale (kernel x + bias) + shift
    const { scale, shift } = await affineOf(normAfter, file);
    if (scale.length !== outputs) throw misfit(normAfter, scale.length, outputs, file);
    kernel = { kind: 'scaled', of: kernel, shape, axis: outputAxis, factors: scale };
    const values = await readTensor(bias, outputs);
    bias = { kind: 'values', values: values.map((value, o) => value * (scale[o] as number) + (shift[o] as number)) };
  }
  return { kernel, bias, layout };
}

function stored({ name, shape, dtype, place }: StoredTensor, file: WeightFile): StoredSource {
  // inferArchitecture has refused every other type by now.
  if (place === undefined) throw notVgg16(file, `expected floating-point numbers in ${name} but it holds ${dtype}`);
  return { kind: 'stored', place, shape };
}

interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** A batch normalisation as `scale * x + shift`, computed in float64. */
async function affineOf(norm: BatchNormStep, file: WeightFile): Promise<Affine> {
  const [units = 0, ...more] = norm.mean.shape;
  const vector = async (tensor: StoredTensor | undefined, otherwise: number): Promise<Float32Array> => {
    if (tensor === undefined) return new Float32Array(units).fill(otherwise);
    if (more.length > 0 || tensor.shape.length !== 1 || tensor.shape[0] !== units) {
      throw notVgg16(file, `expected the shape [${units}] for ${shown(tensor.name)} but it is ${shown(tensor.shape)}`);
    }
    return await readTensor(stored(tensor, file), units);
  };
  const mean = await vector(norm.mean, 0);
  const variance = await vector(norm.variance, 1);
  const gamma = await vector(norm.scale, 1);
  const beta = await vector(norm.offset, 0);
  const scale = Float64Array.from(gamma, (value, i) => value / Math.sqrt((variance[i] as number) + norm.epsilon));
  const shift = Float64Array.from(beta, (value, i) => value - (mean[i] as number) * (scale[i] as number));
  return { scale, shift };
}

/** A factor and a shift for each unit that a layer reads: one a channel of pool5 goes to all of its places. */
function eachInput({ scale, shift }: Affine, inputs: number, { layout, normBefore }: NamedLayer, file: WeightFile) {
  if (scale.length === inputs) return { scale, shift };
  const places = inputs / scale.length;
  if (!Number.isInteger(places)) throw misfit(normBefore as BatchNormStep, scale.length, inputs, file);
  const channelFirst = layout.endsWith('chw');
  const each = (values: Float64Array) =>
    Float64Array.from(
      { length: inputs },
      (_, i) => values[channelFirst ? Math.floor(i / places) : i % values.length] as number,
    );
  return { scale: each(scale), shift: each(shift) };
}

function misfit({ name }: BatchNormStep, units: number, expected: number, file: WeightFile): Error {
  return notVgg16(file, `${shown(name)} normalises ${units} values but there are ${expected}`);
}

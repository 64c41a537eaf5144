/** The weights of a layer as arrays of numbers, in the axis order that a format wants. */

import { layersOf, weightLayersOf } from '../../network/architecture.js';
import type { Model } from '../../network/card.js';
import type { WeightLayout } from '../../network/tensors.js';
import { isOutputFirst } from '../../network/tensors.js';
import { elementCount } from '../../shape.js';
import { permute } from '../shared/permute.js';
import { readTensor } from '../weights/read.js';

export interface LayerArrays {
  /** By the layout: [3, 3, in, out] and [in, out], or [out, in, 3, 3] and [out, in]. */
  readonly kernelShape: readonly number[];
  readonly kernel: Float32Array;
  /** [out] */
  readonly bias: Float32Array;
}

/** Reads one layer. At its largest (fc6) that is 411 MB, and as much again while it is put into another order. */
export async function readLayer(model: Model, name: string, layout: WeightLayout): Promise<LayerArrays> {
  const layer = weightLayersOf(model.card.architecture).find((each) => each.name === name);
  const weights = model.weights[name];
  if (layer === undefined || weights === undefined)
    throw new Error(`Expected a layer with weights but received ${name}.`);
  const size = elementCount(layer.kernelShape);
  const bias = await readTensor(weights.bias, layer.kernelShape.at(-1) as number);
  const values = await readTensor(weights.kernel, size);
  const pool = name === 'fc6' ? poolShape(model) : undefined;
  const from = axesOf(layer.kernelShape, weights.layout, pool);
  const to = axesOf(layer.kernelShape, layout, pool);
  const kernel = from.order.join() === to.order.join() ? values : permute(values, sizes(from), permutation(from, to));
  return { kernelShape: isOutputFirst(layout) ? outputFirst(layer.kernelShape) : layer.kernelShape, kernel, bias };
}

/** [h, w, c] of what fc6 reads. */
function poolShape({ card }: Model): readonly number[] | undefined {
  return layersOf(card.architecture).findLast(({ kind }) => kind === 'pool')?.outputShape;
}

type Axis = 'h' | 'w' | 'i' | 'o';

interface Axes {
  readonly order: readonly Axis[];
  readonly size: Readonly<Partial<Record<Axis, number>>>;
}

/** The axes of a kernel as they lie; fc6 has those of pool5, which a layout orders too. `shape` is TensorFlow's. */
function axesOf(shape: readonly number[], layout: WeightLayout, pool: readonly number[] | undefined): Axes {
  const first = isOutputFirst(layout);
  if (shape.length === 4) {
    const [h = 0, w = 0, i = 0, o = 0] = shape;
    return { order: first ? ['o', 'i', 'h', 'w'] : ['h', 'w', 'i', 'o'], size: { h, w, i, o } };
  }
  const [inputs = 0, o = 0] = shape;
  if (pool === undefined) return { order: first ? ['o', 'i'] : ['i', 'o'], size: { i: inputs, o } };
  const [h = 0, w = 0, i = 0] = pool;
  const read: readonly Axis[] = layout.endsWith('chw') ? ['i', 'h', 'w'] : ['h', 'w', 'i'];
  return { order: first ? ['o', ...read] : [...read, 'o'], size: { h, w, i, o } };
}

const sizes = ({ order, size }: Axes): number[] => order.map((axis) => size[axis] as number);

const permutation = (from: Axes, to: Axes): number[] => to.order.map((axis) => from.order.indexOf(axis));

/** [in, out] and [h, w, in, out] with the outputs, then the inputs, first. */
function outputFirst(shape: readonly number[]): readonly number[] {
  const [out, input] = [shape.at(-1) as number, shape.at(-2) as number];
  return [out, input, ...shape.slice(0, -2)];
}

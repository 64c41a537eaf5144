/** The layers of a Caffe network as steps. A layer reads and writes blobs by name, and may write what it reads. */

import { modelError } from '../../errors.js';
import { CONVOLUTIONS_PER_BLOCK, KERNEL_SIZE } from '../../network/architecture.js';
import type { KernelOrder, NetworkStep } from '../shared/network-steps.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';
import type { LayerMessage } from './proto.js';

/** Product of the five 2x2 pools: pixels of the input for one of pool5. */
const POOLED = 2 ** CONVOLUTIONS_PER_BLOCK.length;

/** PoolingParameter.PoolMethod. */
const MAX = 0;

/** PoolingParameter.RoundMode. */
const CEIL = 0;

/** A layer, with its blobs where they lie in the file. */
export interface CaffeLayer extends LayerMessage {
  readonly blobs: readonly StoredTensor[];
}

/** The network as it grows: each layer that is added becomes a step. */
export class CaffeNetwork {
  readonly steps: NetworkStep[] = [];
  inputSize: number | undefined;
  /** Blobs that hold the data at this point of the network; `undefined` before the first layer of a net without inputs. */
  #data: ReadonlySet<string> | undefined;
  /** The data are one row, or have one place: an inner product flattens what it reads. */
  #flat = false;

  constructor(
    readonly path: string,
    inputs: readonly string[],
    inputShape: readonly number[] | undefined,
  ) {
    if (inputs.length > 0) this.#data = new Set(inputs);
    if (inputShape !== undefined) this.#input(inputShape, 'its input');
  }

  /** The next layer in the order of the file. Throws MODEL_INVALID where VGG-16 has none such. */
  add(layer: CaffeLayer): void {
    const { type, bottom, top, name } = layer;
    if (SOURCES.has(type)) {
      this.#source(layer);
      return;
    }
    if (ENDS.has(type)) return;
    const [read, ...more] = bottom;
    if (read === undefined || more.length > 0 || top.length === 0) {
      throw this.#refuse(`expected ${shown(name)} (${shown(type)}) to read one blob but it reads ${bottom.length}`);
    }
    if (this.#data !== undefined && !this.#data.has(read)) {
      throw this.#refuse(`it branches: ${shown(name)} reads ${shown(read)}`);
    }
    const apply = Object.hasOwn(LAYERS, type) ? LAYERS[type] : undefined;
    if (apply === undefined) throw this.#refuse(`its layer ${shown(name)} is a ${shown(type)}, which VGG-16 lacks`);
    apply(this, layer);
    this.#data = new Set(type === 'Split' ? top : top.slice(0, 1));
  }

  /** Data, and labels, of which training nets have one set for each phase. */
  #source({ top, input, transform, name }: CaffeLayer): void {
    if (top[0] !== undefined) this.#data = new Set([...(this.#data ?? []), top[0]]);
    const shape = input?.shape[0]?.dim;
    const crop = transform?.cropSize ?? 0;
    if (shape !== undefined) this.#input(shape, shown(name));
    else if (crop > 0) this.#input([1, 3, crop, crop], shown(name));
  }

  #input(shape: readonly number[], name: string): void {
    const [, channels, height = 0, width] = shape;
    if (shape.length !== 4 || channels !== 3 || height !== width || !Number.isSafeInteger(height) || height < 1) {
      throw this.#refuse(`expected an input [N, 3, S, S] as ${name} but it is ${shown(shape)}`);
    }
    if (this.inputSize !== undefined && this.inputSize !== height) {
      throw this.#refuse(`its inputs have ${this.inputSize} and ${height} pixels`);
    }
    this.inputSize = height;
  }

  convolution(layer: CaffeLayer): void {
    const { name, convolution } = layer;
    const { pad = [], stride = [], dilation = [], group = 0, padH = 0, padW = 0 } = convolution ?? {};
    const { strideH = 0, strideW = 0 } = convolution ?? {};
    this.#expect(layer, 'group', group, 0, 1);
    for (const value of [...stride, strideH, strideW]) this.#expect(layer, 'stride', value, 1, 0);
    for (const value of dilation) this.#expect(layer, 'dilation', value, 1);
    const kernel = this.#blob(layer, 0);
    const [, , height, width] = kernel.shape;
    if (kernel.shape.length !== 4) throw this.#value(layer, 'kernel', 'four axes', kernel.shape);
    const parts = { name, kernel, bias: this.#bias(layer), order: 'oihw' as const };
    const padding = new Set(pad.length > 0 ? pad : [padH, padW]);
    const pools = this.steps.filter(({ kind }) => kind === 'maxPool').length;
    if (height === KERNEL_SIZE && width === KERNEL_SIZE && padding.size === 1 && padding.has(1)) {
      this.steps.push({ kind: 'conv', ...parts });
    } else if (padding.size === 1 && padding.has(0) && pools === CONVOLUTIONS_PER_BLOCK.length) {
      this.steps.push({ kind: 'dense', ...parts });
      this.#flat = true;
    } else {
      throw this.#refuse(
        `expected a 3x3 convolution with a padding of 1 as ${shown(name)} but it is ${height}x${width} with ${shown([...padding])}`,
      );
    }
  }

  /** Caffe's own flattening is [c, h, w]. */
  innerProduct(layer: CaffeLayer): void {
    const { name, innerProduct } = layer;
    this.#expect(layer, 'axis', innerProduct?.axis ?? 0, 1, 0);
    this.flatten(layer);
    const order: KernelOrder = innerProduct?.transpose === true ? 'hwio' : 'oihw';
    const kernel = squeezed(this.#blob(layer, 0), 2);
    this.steps.push({ kind: 'dense', name, kernel, bias: this.#bias(layer), order });
  }

  flatten(layer: CaffeLayer): void {
    this.#expect(layer, 'axis', layer.flatten?.axis ?? 0, 1, 0);
    if (!this.#flat) this.steps.push({ kind: 'flatten', name: layer.name, order: 'chw' });
    this.#flat = true;
  }

  pooling(layer: CaffeLayer): void {
    const { pooling: parameters, name } = layer;
    const { pool = MAX, kernelSize = 0, stride = 0, pad = 0, globalPooling = false } = parameters ?? {};
    const { kernelH = 0, kernelW = 0, strideH = 0, strideW = 0, padH = 0, padW = 0 } = parameters ?? {};
    this.#expect(layer, 'pool', pool, MAX);
    this.#expect(layer, 'global_pooling', globalPooling, false);
    for (const value of kernelSize > 0 ? [kernelSize] : [kernelH, kernelW]) {
      this.#expect(layer, 'kernel_size', value, 2);
    }
    for (const value of stride > 0 ? [stride] : [strideH, strideW]) this.#expect(layer, 'stride', value, 2);
    for (const value of [pad, padH, padW]) this.#expect(layer, 'pad', value, 0);
    // Rounding up keeps an odd last row, which this tool's pools drop.
    if ((parameters?.roundMode ?? CEIL) === CEIL && (this.inputSize ?? 0) % POOLED !== 0) {
      throw this.#refuse(
        `${shown(name)} rounds up and the input of ${this.inputSize} pixels is no multiple of ${POOLED}`,
      );
    }
    this.steps.push({ kind: 'maxPool', name });
  }

  relu(layer: CaffeLayer): void {
    this.#expect(layer, 'negative_slope', layer.relu?.negativeSlope ?? 0, 0);
    this.steps.push({ kind: 'relu', name: layer.name });
  }

  softmax(layer: CaffeLayer): void {
    this.#expect(layer, 'axis', layer.softmax?.axis ?? 0, 1, -1, 0);
    this.steps.push({ kind: 'softmax', name: layer.name });
  }

  #blob({ name, blobs }: CaffeLayer, index: number): StoredTensor {
    const blob = blobs[index];
    if (blob !== undefined) return blob;
    throw this.#refuse(`the weights of ${shown(name)} are missing: is this a .prototxt's network without them?`);
  }

  #bias({ blobs: [, bias] }: CaffeLayer): StoredTensor | undefined {
    return bias && squeezed(bias, 1);
  }

  #expect(layer: CaffeLayer, key: string, value: unknown, ...allowed: readonly unknown[]): void {
    if (!allowed.includes(value)) throw this.#value(layer, key, shown(allowed[0]), value);
  }

  #value({ name }: CaffeLayer, key: string, expected: string, value: unknown): Error {
    return this.#refuse(`expected ${expected} as the ${key} of ${shown(name)} but it is ${shown(value)}`);
  }

  #refuse(why: string): Error {
    return modelError(`${this.path} is not a VGG-16: ${why}.`);
  }
}

/** Without axes of 1 in front, down to `axes`: those that the four axes of 2014 have too many. */
function squeezed(tensor: StoredTensor, axes: number): StoredTensor {
  const extra = tensor.shape.length - axes;
  if (extra <= 0 || tensor.shape.slice(0, extra).some((size) => size !== 1)) return tensor;
  return { ...tensor, shape: tensor.shape.slice(extra) };
}

const SOURCES: ReadonlySet<string> = new Set([
  'Data',
  'DummyData',
  'HDF5Data',
  'ImageData',
  'Input',
  'MemoryData',
  'WindowData',
]);

/** Of training: they read the logits and the labels. */
const ENDS: ReadonlySet<string> = new Set(['Accuracy', 'Silence', 'SoftmaxWithLoss']);

const nothing = () => {};

/** What is read, by Caffe's type. */
const LAYERS: Readonly<Record<string, (network: CaffeNetwork, layer: CaffeLayer) => void>> = {
  Convolution: (network, layer) => network.convolution(layer),
  Dropout: nothing,
  Flatten: (network, layer) => network.flatten(layer),
  InnerProduct: (network, layer) => network.innerProduct(layer),
  Pooling: (network, layer) => network.pooling(layer),
  ReLU: (network, layer) => network.relu(layer),
  Softmax: (network, layer) => network.softmax(layer),
  Split: nothing,
};

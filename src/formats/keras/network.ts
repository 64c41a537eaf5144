/**
 * The network in a Keras configuration, as steps. The keys are those of `get_config()` in keras/src/layers; Keras 2, 3 and
 * TensorFlow.js spell them alike. Knows nothing of the file that the configuration comes from.
 */

import { modelError } from '../../errors.js';
import { elementCount } from '../../shape.js';
import type { NetworkStep } from '../shared/network-steps.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';
import type { Family } from '../shared/weight-file.js';
import { readTensor } from '../weights/read.js';
import { isObject, type KerasLayer, layersInOrder } from './layer-order.js';

export type { KerasLayer } from './layer-order.js';

/** A weight of a layer by Keras's name: kernel, bias, gamma, beta, moving_mean, moving_variance, mean, variance. */
export type FindWeight = (layer: KerasLayer, weight: string) => StoredTensor | undefined;

export interface KerasNetwork {
  readonly steps: readonly NetworkStep[];
  /** Side of the square input, in pixels, where the configuration fixes it. */
  readonly inputSize?: number;
  readonly family?: Family;
}

/** Classes of ImageNet: Keras's own weights have as many. */
const IMAGENET_CLASSES = 1000;

/** Layers that do nothing at inference: keras/src/layers/regularization and preprocessing/image_preprocessing. */
const IDLE = new Set([
  'ActivityRegularization',
  'AlphaDropout',
  'Dropout',
  'GaussianDropout',
  'GaussianNoise',
  'Identity',
  'RandomBrightness',
  'RandomContrast',
  'RandomFlip',
  'RandomRotation',
  'RandomTranslation',
  'RandomZoom',
  'SpatialDropout2D',
]);

/** Steps of `model`, `{ class_name, config }`. Throws MODEL_INVALID naming the layer that no VGG-16 has. */
export async function kerasNetwork(model: unknown, find: FindWeight, file: string): Promise<KerasNetwork> {
  const reader = new LayerReader(find, file);
  for (const layer of layersInOrder(model, file)) await reader.read(layer);
  const { steps, inputSize } = reader.end();
  const family = kerasFamily(steps);
  return {
    steps,
    ...(inputSize === undefined ? {} : { inputSize }),
    ...(family === undefined ? {} : { family }),
  };
}

/** Keras's own network, from whose preparation of images nobody departs: its names, and no classes but ImageNet's. */
export function kerasFamily(steps: readonly NetworkStep[]): Family | undefined {
  if (steps.some(({ kind }) => kind === 'affine')) return undefined;
  const convolutions = steps.filter(({ kind }) => kind === 'conv');
  const last = steps.findLast((step) => step.kind === 'dense');
  const own = convolutions.length > 0 && convolutions.every(({ name }) => /^block\d_conv\d$/.test(name));
  return own && (last === undefined || last.kernel.shape.at(-1) === IMAGENET_CLASSES) ? 'keras' : undefined;
}

/** Zeros around the input of the next convolution, from a layer of its own. */
interface Padding {
  readonly name: string;
}

/** One row and column of zeros on each side. */
const PAD_BY_ONE = [
  [1, 1],
  [1, 1],
];

class LayerReader {
  readonly steps: NetworkStep[] = [];
  inputSize: number | undefined;
  #padding: Padding | undefined;
  #channelsFirst = false;

  constructor(
    readonly find: FindWeight,
    readonly file: string,
  ) {}

  async read(layer: KerasLayer): Promise<void> {
    const { className, name } = layer;
    this.#input(layer);
    if (className === 'InputLayer' || IDLE.has(className)) return;
    if (this.#padding !== undefined && className !== 'Conv2D') throw this.#padded(this.#padding);
    const read = Object.hasOwn(LAYERS, className) ? LAYERS[className] : undefined;
    if (read === undefined) {
      throw this.#refuse(`its layer ${shown(name)} is a ${shown(className)}, which VGG-16 does not have`);
    }
    await read(this, layer);
  }

  end(): this {
    if (this.#padding !== undefined) throw this.#padded(this.#padding);
    return this;
  }

  padding(layer: KerasLayer): void {
    this.#expect(layer, 'padding', [PAD_BY_ONE, [1, 1], 1]);
    this.#padding = { name: layer.name };
  }

  convolution(layer: KerasLayer): void {
    const { name, config } = layer;
    this.#expect(layer, 'kernel_size', [[3, 3], 3]);
    this.#expect(layer, 'strides', [[1, 1], 1, undefined]);
    this.#expect(layer, 'dilation_rate', [[1, 1], 1, undefined]);
    this.#expect(layer, 'groups', [1, undefined]);
    this.#expect(layer, 'padding', this.#padding === undefined ? ['same'] : ['valid']);
    this.#padding = undefined;
    this.#channels(layer);
    const kernel = this.#weight(layer, 'kernel');
    this.steps.push({ kind: 'conv', name, kernel, bias: this.#bias(layer), order: 'hwio' });
    this.#activate(config.activation, layer);
  }

  dense(layer: KerasLayer): void {
    const { name, config } = layer;
    const kernel = this.#weight(layer, 'kernel');
    this.steps.push({ kind: 'dense', name, kernel, bias: this.#bias(layer), order: 'hwio' });
    this.#activate(config.activation, layer);
  }

  #bias(layer: KerasLayer): StoredTensor | undefined {
    return layer.config.use_bias === false ? undefined : this.#weight(layer, 'bias');
  }

  batchNorm(layer: KerasLayer): void {
    const { name, config } = layer;
    const flat = this.steps.some(({ kind }) => kind === 'flatten');
    const last = flat ? [-1, 1] : this.#channelsFirst ? [1] : [-1, 3];
    this.#expect(layer, 'axis', [...last.flatMap((axis) => [axis, [axis]]), ...(last.includes(-1) ? [undefined] : [])]);
    const { epsilon = 1e-3 } = config;
    if (typeof epsilon !== 'number' || !(epsilon >= 0 && epsilon < 1)) throw this.#value(layer, 'epsilon', 'a number');
    const optional = (key: string, weight: string) => (config[key] === false ? undefined : this.#weight(layer, weight));
    this.steps.push({
      kind: 'batchNorm',
      name,
      scale: optional('scale', 'gamma'),
      offset: optional('center', 'beta'),
      mean: this.#weight(layer, 'moving_mean'),
      variance: this.#weight(layer, 'moving_variance'),
      epsilon,
    });
  }

  maxPool(layer: KerasLayer): void {
    this.#expect(layer, 'pool_size', [[2, 2], 2]);
    this.#expect(layer, 'strides', [[2, 2], 2, null, undefined]);
    this.#expect(layer, 'padding', ['valid', undefined]);
    this.#channels(layer);
    this.steps.push({ kind: 'maxPool', name: layer.name });
  }

  /** With `channels_first` Keras moves the channels to the end before it flattens: keras/src/layers/reshaping/flatten.py. */
  flatten(layer: KerasLayer): void {
    const moves = layer.config.data_format === 'channels_first';
    if (moves && !this.#channelsFirst) {
      throw this.#value(layer, 'data_format', 'channels_last, as the convolutions before have it');
    }
    this.steps.push({ kind: 'flatten', name: layer.name, order: this.#channelsFirst && !moves ? 'chw' : 'hwc' });
  }

  reshape(layer: KerasLayer): void {
    this.#expect(layer, 'target_shape', [[-1]]);
    this.flatten(layer);
  }

  softmax(layer: KerasLayer): void {
    this.#expect(layer, 'axis', [-1, 1, [-1], undefined]);
    this.steps.push({ kind: 'softmax', name: layer.name });
  }

  activation(layer: KerasLayer): void {
    this.#activate(layer.config.activation, layer);
  }

  /** Keras 3 writes a function by itself as { class_name: 'function', config: name }, a layer as { class_name, config }. */
  #activate(activation: unknown, { name }: KerasLayer): void {
    const value = isObject(activation) && typeof activation.config === 'string' ? activation.config : activation;
    if (value === undefined || value === null || value === 'linear') return;
    if (value === 'relu' || value === 'softmax') this.steps.push({ kind: value, name });
    else if (isObject(value) && value.class_name === 'ReLU') {
      this.relu({
        className: 'ReLU',
        name,
        config: isObject(value.config) ? value.config : {},
        path: [name],
        checkpoint: '',
      });
    } else {
      throw this.#refuse(
        `expected relu, softmax or linear as the activation of ${shown(name)} but it is ${shown(value)}`,
      );
    }
  }

  relu(layer: KerasLayer): void {
    this.#expect(layer, 'max_value', [null, undefined]);
    this.#expect(layer, 'negative_slope', [0, [0], null, undefined]);
    this.#expect(layer, 'threshold', [0, [0], null, undefined]);
    this.steps.push({ kind: 'relu', name: layer.name });
  }

  rescaling(layer: KerasLayer): void {
    const numbers = (key: string, otherwise: number): readonly number[] => {
      const list = [layer.config[key] ?? otherwise].flat(MAX_LISTS);
      if (!isChannels(list)) throw this.#value(layer, key, 'one number or three');
      return list;
    };
    this.steps.push({ kind: 'affine', name: layer.name, scale: numbers('scale', 1), offset: numbers('offset', 0) });
  }

  /** `(x - mean) / max(sqrt(variance), epsilon)`, both in the configuration or adapted and stored. */
  async normalization(layer: KerasLayer): Promise<void> {
    this.#expect(layer, 'axis', [-1, [-1], 3, [3], null]);
    this.#expect(layer, 'invert', [false, undefined]);
    const mean = await this.#statistics(layer, 'mean');
    const variance = await this.#statistics(layer, 'variance');
    const scale = variance.map((value) => 1 / Math.max(Math.sqrt(value), NORMALIZATION_EPSILON));
    const offset = Array.from({ length: Math.max(mean.length, scale.length) }, (_, i) => {
      return -(mean[mean.length === 1 ? 0 : i] as number) * (scale[scale.length === 1 ? 0 : i] as number);
    });
    this.steps.push({ kind: 'affine', name: layer.name, scale, offset });
  }

  async #statistics(layer: KerasLayer, key: string): Promise<readonly number[]> {
    const given = layer.config[key];
    const list = given === undefined || given === null ? await this.#stored(layer, key) : [given].flat(MAX_LISTS);
    if (!isChannels(list)) throw this.#value(layer, key, 'one number or three');
    return list;
  }

  async #stored(layer: KerasLayer, weight: string): Promise<readonly number[]> {
    const { shape, place, name } = this.#weight(layer, weight);
    const count = elementCount(shape);
    if (place === undefined || (count !== 1 && count !== 3))
      throw this.#refuse(`expected three numbers in ${shown(name)}`);
    return Array.from(await readTensor({ kind: 'stored', place, shape }, count));
  }

  #input(layer: KerasLayer): void {
    const { config, name } = layer;
    const shape = config.batch_shape ?? config.batch_input_shape;
    if (!Array.isArray(shape) || shape.length !== 4 || this.steps.length > 0) return;
    const first = config.data_format === 'channels_first' || (shape[1] === 3 && shape[3] !== 3);
    const [height, width] = first ? [shape[2], shape[3]] : [shape[1], shape[2]];
    if (height === null && width === null) return;
    if (height !== width || !Number.isSafeInteger(height) || height < 1) {
      throw this.#refuse(`expected a square input for ${shown(name)} but it is ${shown(shape)}`);
    }
    this.inputSize = height;
  }

  #channels(layer: KerasLayer): void {
    this.#expect(layer, 'data_format', ['channels_last', 'channels_first', null, undefined]);
    const first = layer.config.data_format === 'channels_first';
    if (first !== this.#channelsFirst && this.steps.some(({ kind }) => kind === 'conv')) {
      throw this.#value(layer, 'data_format', 'the same for every layer');
    }
    this.#channelsFirst = first;
  }

  #weight(layer: KerasLayer, weight: string): StoredTensor {
    const tensor = this.find(layer, weight);
    if (tensor !== undefined) return tensor;
    throw this.#refuse(`the ${weight} of its layer ${shown(layer.path.join('/'))} is missing`);
  }

  /** `values`: those that VGG-16 has. */
  #expect(layer: KerasLayer, key: string, values: readonly unknown[]): void {
    const value = layer.config[key];
    if (values.some((each) => same(each, value))) return;
    throw this.#value(layer, key, shown(values[0]));
  }

  #value({ name, config }: KerasLayer, key: string, expected: string): Error {
    return this.#refuse(`expected ${expected} as the ${key} of ${shown(name)} but it is ${shown(config[key])}`);
  }

  #padded({ name }: Padding): Error {
    return this.#refuse(`expected a convolution after ${shown(name)}, which pads its input`);
  }

  #refuse(why: string): Error {
    return modelError(`${this.file} is not a VGG-16: ${why}.`);
  }
}

/** keras.config.epsilon(). */
const NORMALIZATION_EPSILON = 1e-7;

/** Lists around the numbers of a statistic: [1, 1, 1, 3] is the most that a batch of images gives. */
const MAX_LISTS = 4;

function isChannels(list: readonly unknown[]): list is readonly number[] {
  return (list.length === 1 || list.length === 3) && list.every(Number.isFinite);
}

/** Equality of numbers, texts and lists of them; those in the file have as many elements and levels as ours. */
function same(ours: unknown, value: unknown): boolean {
  if (!Array.isArray(ours)) return ours === value;
  return Array.isArray(value) && value.length === ours.length && ours.every((item, i) => same(item, value[i]));
}

/** What is read, by Keras's class. */
const LAYERS: Readonly<Record<string, (reader: LayerReader, layer: KerasLayer) => void | Promise<void>>> = {
  Activation: (reader, layer) => reader.activation(layer),
  BatchNormalization: (reader, layer) => reader.batchNorm(layer),
  Conv2D: (reader, layer) => reader.convolution(layer),
  Dense: (reader, layer) => reader.dense(layer),
  Flatten: (reader, layer) => reader.flatten(layer),
  MaxPooling2D: (reader, layer) => reader.maxPool(layer),
  Normalization: (reader, layer) => reader.normalization(layer),
  ReLU: (reader, layer) => reader.relu(layer),
  Rescaling: (reader, layer) => reader.rescaling(layer),
  Reshape: (reader, layer) => reader.reshape(layer),
  Softmax: (reader, layer) => reader.softmax(layer),
  ZeroPadding2D: (reader, layer) => reader.padding(layer),
};

/**
 * Writes a layers model of TensorFlow.js: a folder with `model.json`, which has the network as a Keras configuration and
 * the list of weights, and shards of 4 MB. `tf.loadLayersModel` opens it in a browser and in Node.
 * Layout: tfjs-core/src/io/types.ts, `ModelJSON`.
 */

import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError } from '../../errors.js';
import { INPUT_CHANNELS, type Layer } from '../../network/architecture.js';
import type { Model } from '../../network/card.js';
import { layersUpTo } from '../../network/needed-layers.js';
import { TENSORFLOW_LAYOUT } from '../../network/tensors.js';
import { cardMetadata } from '../card/metadata.js';
import { readLayer } from '../export/layer-weights.js';
import type { ExporterOptions } from '../export/options.js';
import { kerasName } from '../keras/layer-names.js';
import { encode } from '../safetensors/write.js';

/** Of one file, in bytes: what the format's own converter takes, so that browsers cache each. */
const SHARD_BYTES = 4 * 1024 * 1024;

/** Name of the layer that the images come in by. */
const INPUT = 'input_1';

/** In a browser: `model.predict(images)`, [N, S, S, 3], prepared as the card's preset says. */
export async function exportTfjs(model: Model, path: string, options: ExporterOptions): Promise<void> {
  const { outputs, dtype, signal } = options;
  if (dtype === 'bf16') {
    throw usageError(
      'Expected --precision f32 or f16 for --format tfjs but received bf16, which TensorFlow.js does not have.',
    );
  }
  const layers = layersUpTo(model.card.architecture, outputs);
  const bytes = layers.reduce((sum, { parameters }) => sum + parameters * (dtype === 'f32' ? 4 : 2), 0);
  const count = Math.ceil(bytes / SHARD_BYTES);
  const shards = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  await mkdir(path);
  const writer = new ShardWriter(path, shards);
  try {
    for (const { name, kernelShape } of layers) {
      if (kernelShape === undefined) continue;
      const { kernel, bias } = await readLayer(model, name, TENSORFLOW_LAYOUT);
      for (const values of [kernel, bias]) await writer.write(encode(values, dtype), signal);
    }
  } finally {
    await writer.close();
  }
  const json = {
    format: 'layers-model',
    generatedBy: 'vgg16',
    convertedBy: null,
    modelTopology: {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: modelConfig(model, layers, outputs),
    },
    weightsManifest: [{ paths: shards, weights: weightsOf(layers, dtype) }],
    userDefinedMetadata: { ...cardMetadata(model.card) },
  };
  await writeFile(join(path, 'model.json'), JSON.stringify(json));
}

function weightsOf(layers: readonly Layer[], dtype: 'f32' | 'f16') {
  const quantization = dtype === 'f16' ? { quantization: { dtype: 'float16', original_dtype: 'float32' } } : {};
  return layers.flatMap(({ name, kernelShape }) => {
    if (kernelShape === undefined) return [];
    const weight = (part: string, shape: readonly number[]) => {
      return { name: `${kerasName(name)}/${part}`, shape, dtype: 'float32', ...quantization };
    };
    return [weight('kernel', kernelShape), weight('bias', kernelShape.slice(-1))];
  });
}

/** A functional model, as `Model.get_config` of Keras 2 gives it. The last layer has no softmax: outputs are logits. */
function modelConfig({ card }: Model, layers: readonly Layer[], outputs: readonly string[]) {
  const { inputSize } = card.architecture;
  const entries: object[] = [];
  let previous = INPUT;
  const add = (className: string, name: string, config: object) => {
    entries.push({
      class_name: className,
      name,
      config: { name, trainable: true, dtype: 'float32', ...config },
      inbound_nodes: className === 'InputLayer' ? [] : [[[previous, 0, 0, {}]]],
    });
    previous = name;
  };
  add('InputLayer', INPUT, { batch_input_shape: [null, inputSize, inputSize, INPUT_CHANNELS], sparse: false });
  for (const { name, kind, outputShape } of layers) {
    const units = outputShape.at(-1);
    if (kind === 'conv') add('Conv2D', kerasName(name), { ...CONVOLUTION, filters: units });
    else if (kind === 'pool') add('MaxPooling2D', kerasName(name), POOL);
    else {
      if (name === 'fc6') add('Flatten', 'flatten', { data_format: 'channels_last' });
      const activation = name === 'fc8' ? 'linear' : 'relu';
      add('Dense', kerasName(name), { units, activation, use_bias: true });
    }
  }
  return {
    class_name: 'Functional',
    config: {
      name: 'vgg16',
      trainable: true,
      layers: entries,
      input_layers: [[INPUT, 0, 0]],
      output_layers: outputs.map((name) => [kerasName(name), 0, 0]),
    },
  };
}

const CONVOLUTION = {
  kernel_size: [3, 3],
  strides: [1, 1],
  padding: 'same',
  data_format: 'channels_last',
  dilation_rate: [1, 1],
  activation: 'relu',
  use_bias: true,
};

const POOL = { pool_size: [2, 2], strides: [2, 2], padding: 'valid', data_format: 'channels_last' };

/** Cuts what is written into files of equal size, whatever the tensors. */
class ShardWriter {
  #index = 0;
  #filled = 0;
  #file: Awaited<ReturnType<typeof open>> | undefined;

  constructor(
    readonly folder: string,
    readonly names: readonly string[],
  ) {}

  async write(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    for (let start = 0; start < bytes.length; ) {
      signal?.throwIfAborted();
      this.#file ??= await open(join(this.folder, this.names[this.#index] as string), 'wx');
      const part = bytes.subarray(start, start + SHARD_BYTES - this.#filled);
      await this.#file.writeFile(part);
      start += part.length;
      this.#filled += part.length;
      if (this.#filled === SHARD_BYTES) await this.#next();
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #next(): Promise<void> {
    await this.close();
    this.#filled = 0;
    this.#index++;
  }
}

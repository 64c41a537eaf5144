/**
 * Writes a `.keras` file, which `keras.models.load_model` of Keras 3 opens: a zip of the configuration, the weights as HDF5
 * and the card. Layout: keras/src/saving/saving_lib.py.
 */

import { rm } from 'node:fs/promises';
import { ZipFile } from 'yazl';
import { usageError } from '../../errors.js';
import { INPUT_CHANNELS, type Layer } from '../../network/architecture.js';
import type { Model } from '../../network/card.js';
import { layersUpTo } from '../../network/needed-layers.js';
import { CARD_RECORD, cardMetadata } from '../card/metadata.js';
import type { ExporterOptions } from '../export/options.js';
import { writeZip } from '../export/zip-file.js';
import { kerasName } from './layer-names.js';
import { writeCheckpoint } from './write-checkpoint.js';

/** What reads the file: since the first Keras with this format. */
const KERAS_VERSION = '3.0.0';

/** Zip entries have a time; the least that the format knows, for the same bytes each time. */
const ENTRY = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false } as const;

/** Name of the layer that the images come in by. */
const INPUT = 'input_1';

/** `keras.models.load_model(path).predict(images)`, [N, S, S, 3], prepared as the card's preset says. */
export async function exportKeras(model: Model, path: string, options: ExporterOptions): Promise<void> {
  const { outputs, dtype, signal } = options;
  if (dtype !== 'f32') {
    throw usageError(
      `Expected --precision f32 for --format keras but received ${dtype}: Keras keeps the weights of a float32 network in float32.`,
    );
  }
  const layers = layersUpTo(model.card.architecture, outputs);
  const weights = `${path}.weights`;
  try {
    await writeCheckpoint(model, layers, weights, signal);
    const zip = new ZipFile();
    const add = (name: string, content: object) => zip.addBuffer(Buffer.from(JSON.stringify(content)), name, ENTRY);
    add('metadata.json', { keras_version: KERAS_VERSION, date_saved: '1980-01-01@00:00:00' });
    add('config.json', configOf(model, layers, outputs));
    add(CARD_RECORD, cardMetadata(model.card));
    zip.addFile(weights, 'model.weights.h5', ENTRY);
    await writeZip(zip, path, signal);
  } finally {
    await rm(weights, { force: true });
  }
}

/** A functional model, as `Functional.get_config` gives it. The last layer has no softmax: outputs are logits. */
function configOf({ card }: Model, layers: readonly Layer[], outputs: readonly string[]) {
  const { inputSize } = card.architecture;
  const entries: object[] = [];
  let previous = { name: INPUT, shape: [inputSize, inputSize, INPUT_CHANNELS] as readonly number[] };
  const add = (className: string, name: string, shape: readonly number[], config: object) => {
    const read = { shape: [null, ...previous.shape], dtype: 'float32', keras_history: [previous.name, 0, 0] };
    const isInput = className === 'InputLayer';
    entries.push({
      module: 'keras.layers',
      class_name: className,
      config: { name, ...(isInput ? {} : { trainable: true }), dtype: 'float32', ...config },
      registered_name: null,
      ...(isInput ? {} : { build_config: { input_shape: [null, ...previous.shape] } }),
      name,
      inbound_nodes: isInput ? [] : [{ args: [{ class_name: '__keras_tensor__', config: read }], kwargs: {} }],
    });
    previous = { name, shape };
  };
  add('InputLayer', INPUT, previous.shape, { batch_shape: [null, ...previous.shape] });
  for (const { name, kind, inputShape, outputShape } of layers) {
    const units = outputShape.at(-1);
    if (kind === 'conv') add('Conv2D', kerasName(name), outputShape, { ...CONVOLUTION, filters: units });
    else if (kind === 'pool') add('MaxPooling2D', kerasName(name), outputShape, POOL);
    else {
      if (name === 'fc6') add('Flatten', 'flatten', inputShape, { data_format: 'channels_last' });
      const activation = name === 'fc8' ? 'linear' : 'relu';
      add('Dense', kerasName(name), outputShape, { units, activation, use_bias: true });
    }
  }
  const ends = outputs.map((name) => [kerasName(name), 0, 0]);
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: {
      name: 'vgg16',
      trainable: true,
      layers: entries,
      input_layers: [INPUT, 0, 0],
      output_layers: ends.length === 1 ? ends[0] : ends,
    },
    registered_name: 'Functional',
    build_config: { input_shape: null },
  };
}

const CONVOLUTION = {
  kernel_size: [3, 3],
  strides: [1, 1],
  padding: 'same',
  data_format: 'channels_last',
  dilation_rate: [1, 1],
  groups: 1,
  activation: 'relu',
  use_bias: true,
};

const POOL = { pool_size: [2, 2], strides: [2, 2], padding: 'valid', data_format: 'channels_last' };

/**
 * tfjs's own way: the same network as a layers model, run op by op in tfjs-node.
 *
 *     node bench/contenders/tfjs_layers.mjs --batch 32 --seconds 10 --threads 2
 */

import { parseArgs } from 'node:util';
import { configureTensorFlow, loadTensorFlow } from '../../dist/engine/tensorflow.js';
import { readTensor } from '../../dist/formats/weights/read.js';
import { layersOf } from '../../dist/network/architecture.js';
import { randomModel } from '../lib/random.mjs';
import { BYTES_PER_IMAGE, fillPixels, steadyRate } from '../lib/workload.mjs';

const { values } = parseArgs({
  options: { batch: { type: 'string' }, seconds: { type: 'string' }, threads: { type: 'string' } },
});
const batch = Number(values.batch);
configureTensorFlow({ threads: Number(values.threads) });
const tf = loadTensorFlow();

const { card, weights } = randomModel();
const network = await layersModel(card.architecture);
const { mean, std } = card.preset;
const images = tf.tidy(() => {
  const bytes = new Uint8Array(fillPixels(new ArrayBuffer(batch * BYTES_PER_IMAGE)));
  return tf.tensor4d(bytes, [batch, 224, 224, 3], 'float32').div(255).sub(mean).div(std);
});

let answer;
const measured = await steadyRate({
  batch,
  seconds: Number(values.seconds),
  async runBatch() {
    const logits = network.predict(images, { batchSize: batch });
    const data = await logits.data();
    logits.dispose();
    if (answer !== undefined) return;
    const first = data.subarray(0, card.architecture.classifier.classes);
    const logit = first.reduce((a, b) => Math.max(a, b));
    answer = { class: first.indexOf(logit), logit };
  },
});
console.log(JSON.stringify({ ...measured, answer }));

/** The network as tf.layers, with the random weights set. */
async function layersModel(architecture) {
  const model = tf.sequential();
  let inputShape = [architecture.inputSize, architecture.inputSize, 3];
  for (const { name, kind, kernelShape } of layersOf(architecture)) {
    // Zeros, because tfjs would spend minutes on random values that are replaced below.
    const common = { name, activation: name === 'fc8' ? 'linear' : 'relu', kernelInitializer: 'zeros' };
    if (kind === 'conv') {
      const shape = inputShape === undefined ? {} : { inputShape };
      inputShape = undefined;
      model.add(tf.layers.conv2d({ ...common, ...shape, filters: kernelShape.at(-1), kernelSize: 3, padding: 'same' }));
    } else if (kind === 'pool') {
      model.add(tf.layers.maxPooling2d({ name, poolSize: 2, strides: 2 }));
    } else {
      if (name === 'fc6') model.add(tf.layers.flatten());
      model.add(tf.layers.dense({ ...common, units: kernelShape.at(-1) }));
    }
  }
  for (const layer of model.layers.filter((one) => one.weights.length > 0)) {
    const { kernel, bias } = weights[layer.name];
    const values = [];
    for (const [i, tensor] of layer.getWeights().entries()) {
      const data = await readTensor(i === 0 ? kernel : bias, tensor.size);
      values.push(tf.tensor(data, tensor.shape, 'float32'));
    }
    layer.setWeights(values);
    tf.dispose(values);
  }
  return model;
}

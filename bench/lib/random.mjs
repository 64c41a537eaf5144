/** The full-size random network (`--model random --seed 1`), as the engine takes it and as a file for everybody else. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { fillRandom, randomWeights } from '../../dist/formats/weights/random.js';
import { vgg16, weightLayersOf } from '../../dist/network/architecture.js';
import { PRESETS } from '../../dist/network/preset.js';

const SEED = 1;

/** A `Model` of src/network/card.ts whose weights are generated when the engine loads it. */
export function randomModel() {
  const architecture = vgg16();
  const card = {
    name: 'random',
    architecture,
    preset: PRESETS.torchvision,
    labels: null,
    license: null,
    source: `random weights, seed ${SEED}`,
    accuracy: null,
  };
  return { card, weights: randomWeights(architecture, SEED), file: null };
}

/** Writes the same weights as a model file of the tool's own format: 553 MB, float32, TensorFlow's axis order. */
export async function writeRandomModel(path) {
  const { card, weights } = randomModel();
  const tensors = weightLayersOf(card.architecture).flatMap(({ name, kernelShape }) => [
    { key: `${name}/kernel`, shape: kernelShape, source: weights[name].kernel },
    { key: `${name}/bias`, shape: kernelShape.slice(-1), source: weights[name].bias },
  ]);
  const header = { __metadata__: { format: 'vgg16', version: '1', card: JSON.stringify(card) } };
  let offset = 0;
  for (const { key, shape } of tensors) {
    const end = offset + 4 * product(shape);
    header[key] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  // The data begins at a multiple of 64 bytes, as in this tool's own files: TensorFlow maps it without a copy.
  const padded = Buffer.alloc(Math.ceil((8 + json.length) / 64) * 64 - 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  const file = createWriteStream(path);
  file.write(length);
  file.write(padded);
  for (const { shape, source } of tensors) {
    const values = new Float32Array(product(shape));
    fillRandom(values, source);
    if (!file.write(new Uint8Array(values.buffer))) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

function product(shape) {
  return shape.reduce((total, size) => total * size, 1);
}

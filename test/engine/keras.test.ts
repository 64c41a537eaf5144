/**
 * The real convolutional base on real photographs, from the file to the activations, against Keras; expected values by
 * fixtures/expected/make_keras.py. Weights and photographs are not part of the project.
 */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Outputs, Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { loadImage } from '../../src/images/load.js';
import { openModel } from '../../src/models/open.js';
import type { LayerOutput } from '../../src/network/output-request.js';
import { PRESETS } from '../../src/network/preset.js';
import { realData } from '../data.js';
import { batchOf, output, readExpected, relativeError } from './reference.js';

configureTensorFlow({ threads: 2 });

/** max |difference| over the largest magnitude. */
const TOLERANCE = 1e-5;

const WEIGHTS = realData('data/vgg16-imagenet-conv.safetensors');
const PHOTOS = realData('data/photos');

const { text, strides, tensors } = readExpected('keras-photos');
const photos: readonly string[] = JSON.parse(text('photos'));

const REQUESTS: Readonly<Record<string, LayerOutput>> = {
  pool5: { kind: 'layer', layer: 'pool5' },
  'pool5/avg': { kind: 'layer', layer: 'pool5', pool: 'avg' },
  'pool5/max': { kind: 'layer', layer: 'pool5', pool: 'max' },
  'conv1_2/avg': { kind: 'layer', layer: 'conv1_2', pool: 'avg' },
};

async function pixelsOf(photo: string): Promise<Uint8Array> {
  const { resize, crop } = PRESETS.keras;
  const path = join(PHOTOS ?? '', photo);
  return (await loadImage(path, { resize, crop, autoOrient: false, decode: 'exact', maxPixels: 1e8 })).pixels;
}

async function run(request: LayerOutput): Promise<Outputs> {
  const model = await openModel(WEIGHTS ?? '', { seed: 0, cacheDir: tmpdir(), preset: 'keras' });
  const session = await Session.open({ model, precision: 'f32', outputs: [request] });
  try {
    return session.run(batchOf(await Promise.all(photos.map(pixelsOf))), photos.length);
  } finally {
    session.close();
  }
}

describe.skipIf(WEIGHTS === undefined || PHOTOS === undefined)('photographs through the ImageNet base', () => {
  it('has eight photographs and a request for every expected tensor', () => {
    expect(photos.length).toBe(8);
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(REQUESTS).sort());
  });

  it.each(Object.entries(REQUESTS))('%s equals Keras', async (name, request) => {
    const expected = { stride: strides[name] ?? 1, values: new Float32Array(tensors[name] ?? new ArrayBuffer(0)) };
    const { data } = output(await run(request), request.layer);
    expect(expected.values.length).toBe(Math.ceil(data.length / expected.stride));
    expect(relativeError(data, expected)).toBeLessThanOrEqual(TOLERANCE);
  });
});

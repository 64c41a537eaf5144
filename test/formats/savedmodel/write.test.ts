/** TensorFlow opens what is written, and computes what this tool does, from pixels and from encoded images. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NamedTensorMap } from '@tensorflow/tfjs-node';
import { describe, expect, it } from 'vitest';
import { saveVariables } from '../../../src/engine/save-variables.js';
import { configureTensorFlow, loadTensorFlow } from '../../../src/engine/tensorflow.js';
import type { ExportDType } from '../../../src/formats/export/options.js';
import { exportSavedmodel } from '../../../src/formats/savedmodel/write.js';
import { loadImage } from '../../../src/images/load.js';
import { openModel } from '../../../src/models/open.js';
import { vgg16 } from '../../../src/network/architecture.js';
import type { Model } from '../../../src/network/card.js';
import { PRESETS } from '../../../src/network/preset.js';
import { randomModel } from '../../engine/reference.js';
import { python } from '../../python.js';
import { maxDifference, sameWeights, sessionOutputs, slimImages } from '../export/numbers.js';
import { failure, modelFixture, temporaryFolder } from '../files.js';

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
let count = 0;
const open = (path: string) => openModel(path, { seed: 0, cacheDir: tmpdir(), env: {} });
const slim = () => open(modelFixture('slim-torchvision.pth'));
const PHOTOS = fileURLToPath(new URL('../../../fixtures/images/', import.meta.url));

/** Real geometry, 256 to 224 pixels, BGR, and few weights. */
function bgr(): Model {
  const convolutions = vgg16().convolutions.map((block) => block.map(() => 4));
  const classifier = { fc6: 12, fc7: 10, classes: 5 };
  return randomModel({ inputSize: 224, convolutions, classifier }, 'caffe', 16);
}

/** The slim network as if it had been trained on BGR. */
async function slimBgr(): Promise<Model> {
  const model = await slim();
  return { ...model, card: { ...model.card, preset: { ...PRESETS.caffe, resize: 73, crop: 64 } } };
}

async function exported(model: Model, outputs: readonly string[], dtype: ExportDType = 'f32'): Promise<string> {
  const path = join(folder, `saved-${count++}`);
  await exportSavedmodel(model, path, { outputs, dtype }, saveVariables);
  return path;
}

/** The outputs of a signature. */
async function served(
  path: string,
  signature: string,
  inputs: (tf: ReturnType<typeof loadTensorFlow>) => NamedTensorMap,
) {
  const tf = loadTensorFlow();
  const model = await tf.node.loadSavedModel(path, ['serve'], signature);
  const given = inputs(tf);
  const outputs = model.predict(given) as NamedTensorMap;
  model.dispose();
  const arrays = Object.entries(outputs).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array] as const);
  tf.dispose([...Object.values(given), ...Object.values(outputs)]);
  return Object.fromEntries(arrays);
}

const servedPixels = (path: string, { card }: Model, images: Uint8Array) => {
  const { inputSize } = card.architecture;
  return served(path, 'serving_default', (tf) => {
    return { image: tf.tensor(Float32Array.from(images), [2, inputSize, inputSize, 3], 'float32') };
  });
};

describe('exportSavedmodel', () => {
  it.each([
    ['RGB', slim],
    ['BGR', slimBgr],
  ])('gives logits, probabilities and layers as this tool computes them: %s', async (_name, source) => {
    const model = await source();
    const layers = ['conv1_1', 'pool5', 'fc7', 'fc8'];
    const path = await exported(model, layers);
    const images = slimImages(model.card.architecture.inputSize);
    const outputs = await servedPixels(path, model, images);
    const expected = await sessionOutputs(model, images, layers);
    expect(Object.keys(outputs).sort()).toEqual(['conv1_1', 'fc7', 'logits', 'pool5', 'probabilities']);
    for (const layer of layers) {
      const found = outputs[layer === 'fc8' ? 'logits' : layer] ?? [];
      expect(maxDifference(found, expected[layer] ?? []), layer).toBeLessThan(1e-5);
    }
    expect([...(outputs.probabilities ?? [])].reduce((a, b) => a + b, 0)).toBeCloseTo(2, 5);
  });

  it('serves encoded images as this tool prepares them, to a grey value', async () => {
    const model = await slimBgr();
    const path = await exported(model, ['pool5']);
    const names = readdirSync(PHOTOS).filter((name) => name.endsWith('.jpg'));
    expect(names.length).toBeGreaterThan(10);
    const { resize, crop } = model.card.preset;
    const options = { resize, crop, autoOrient: false, decode: 'exact', maxPixels: 1e8 } as const;
    for (const name of names) {
      const bytes = readFileSync(join(PHOTOS, name));
      const { logits = [] } = await served(path, 'serving_bytes', (tf) => {
        return { image_bytes: tf.tensor1d([bytes] as never, 'string') };
      });
      const { pixels } = await loadImage(join(PHOTOS, name), options);
      const { fc8 = [] } = await sessionOutputs(model, new Uint8Array(pixels), ['fc8']);
      expect(maxDifference(logits, fc8), name).toBeLessThan(1e-2);
    }
  });

  it('gives a folder with its card and the same values when it is read again', async () => {
    for (const model of [await open('mini'), await slimBgr()]) {
      const again = await open(await exported(model, ['fc8']));
      expect(again.card).toEqual(model.card);
      expect(await sameWeights(again, model)).toBe(true);
    }
  });

  it.each([
    ['f16', 1e-2],
    ['bf16', 5e-2],
  ] as const)('keeps variables of 16 bits on request: %s', async (dtype, tolerance) => {
    const model = await slim();
    const path = await exported(model, ['fc8'], dtype);
    const size = statSync(join(path, 'variables', 'variables.data-00000-of-00001')).size;
    const whole = statSync(join(await exported(model, ['fc8']), 'variables', 'variables.data-00000-of-00001')).size;
    expect(size).toBe(whole / 2);
    const images = slimImages(model.card.architecture.inputSize);
    const { logits = [] } = await servedPixels(path, model, images);
    const { fc8 = [] } = await sessionOutputs(await open(path), images, ['fc8']);
    expect(maxDifference(logits, fc8)).toBeLessThan(1e-5);
    expect(maxDifference(logits, (await sessionOutputs(model, images, ['fc8'])).fc8 ?? [])).toBeLessThan(tolerance);
  });

  it('refuses weights that are not numbers', async () => {
    const model = await slim();
    const conv = { ...model.weights.conv1_1, bias: { kind: 'values', values: new Float32Array(6).fill(Number.NaN) } };
    const broken = { ...model, weights: { ...model.weights, conv1_1: conv } } as Model;
    expect((await failure(exported(broken, ['fc8']))).message).toContain('finite');
  });
});

const tensorflow = python(['tensorflow']);

/** For each model, of all photos: logits from pixels and from bytes, and the pixels that the graph makes of the bytes. */
const SCRIPT = `
import json, os, sys, warnings
os.environ.update(TF_CPP_MIN_LOG_LEVEL="1", CUDA_VISIBLE_DEVICES="", TF_ENABLE_ONEDNN_OPTS="0")
import numpy as np
import tensorflow as tf
print("---", file=sys.stderr, flush=True)
warnings.simplefilter("always")
pixels = np.load(sys.argv[1])
photos = []
for path in sys.argv[3:]:
    with open(path, "rb") as file:
        photos.append(file.read())
model = tf.saved_model.load(sys.argv[2])
default, images = model.signatures["serving_default"], model.signatures["serving_bytes"]
decoded = model.prune("image_bytes:0", "decoded:0")(tf.constant(photos)).numpy()
print("---", file=sys.stderr, flush=True)
difference = np.abs(decoded - pixels)
print(json.dumps({
    "pixels": default(image=tf.constant(pixels))["logits"].numpy().ravel().tolist(),
    "bytes": images(image_bytes=tf.constant(photos))["logits"].numpy().ravel().tolist(),
    "decoded": default(image=tf.constant(decoded))["logits"].numpy().ravel().tolist(),
    "shapes": [str(default.structured_input_signature[1]["image"].shape), str(images.structured_input_signature[1]["image_bytes"].shape)],
    "variables": sorted(v.name for v in model.variables)[:2],
    "count": len(model.variables),
    "mean": float(difference.mean()), "worst": float(difference.max()), "equal": float((difference == 0).mean()),
}))
`;

it.skipIf(tensorflow === undefined)(
  'TensorFlow in Python (skipped without) loads it without a warning and computes the same',
  { timeout: 180_000 },
  async () => {
    const model = bgr();
    const path = await exported(model, ['fc7', 'fc8']);
    const photos = readdirSync(PHOTOS).filter((name) => name.endsWith('.jpg'));
    const { resize, crop } = model.card.preset;
    const options = { resize, crop, autoOrient: false, decode: 'exact', maxPixels: 1e8 } as const;
    const images = await Promise.all(photos.map(async (name) => (await loadImage(join(PHOTOS, name), options)).pixels));
    const pixels = new Uint8Array(Buffer.concat(images));
    const array = join(folder, 'pixels.npy');
    writeFileSync(array, npy(Float32Array.from(pixels), [photos.length, crop, crop, 3]));
    const files = photos.map((name) => join(PHOTOS, name));
    const { status, stdout, stderr } = spawnSync(tensorflow as string, ['-c', SCRIPT, array, path, ...files], {
      encoding: 'utf8',
      timeout: 170_000,
    });
    expect(status, stderr).toBe(0);
    expect(stderr.split('---\n')[1]).toBe('');
    const found = JSON.parse(stdout);
    const { fc8 = [] } = await sessionOutputs(model, pixels, ['fc8']);
    expect(maxDifference(found.pixels, fc8)).toBeLessThan(1e-5);
    expect(maxDifference(found.bytes, found.decoded)).toBeLessThan(1e-5);
    expect(found.mean).toBeLessThan(0.01);
    expect(found.worst).toBeLessThanOrEqual(1);
    expect(found.shapes).toEqual(['(None, 224, 224, 3)', '(None,)']);
    expect(found).toMatchObject({ count: 32, variables: ['block1_conv1/bias:0', 'block1_conv1/kernel:0'] });
  },
);

/** NumPy's file of float32: format version 1. */
function npy(values: Float32Array, shape: readonly number[]): Buffer {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`.padEnd(117).concat('\n');
  const start = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}`, 'latin1');
  return Buffer.concat([start, new Uint8Array(values.buffer)]);
}

/** Models written as ONNX: as ONNX's checker, ONNX Runtime and this tool's own reader see them. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import type { ExportDType, ExporterOptions } from '../../../src/formats/export/options.js';
import { openOnnx, runOnnx } from '../../../src/formats/onnx/runtime.js';
import { exportOnnx } from '../../../src/formats/onnx/write.js';
import { permute } from '../../../src/formats/shared/permute.js';
import { type OpenOptions, openModel } from '../../../src/models/open.js';
import type { Model } from '../../../src/network/card.js';
import { python } from '../../python.js';
import { maxDifference, normalized, sameWeights, sessionOutputs, slimImages } from '../export/numbers.js';
import { failure, modelFixture, temporaryFolder, write } from '../files.js';

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const OPTIONS: OpenOptions = { seed: 0, cacheDir: folder, env: {} };
const WHOLE: ExporterOptions = { outputs: ['fc8'], dtype: 'f32' };
let count = 0;
const target = (): string => join(folder, `${count++}.onnx`);

/** RGB and divided by 255, BGR and not; channel first and channel last; and a base. */
const SOURCES = {
  'PyTorch weights': 'slim-torchvision.pth',
  'Caffe weights': '../formats/caffe.caffemodel',
  'Keras weights without classifier': '../formats/keras-legacy-notop.h5',
} as const;

const source = async (name: string = SOURCES['PyTorch weights']): Promise<Model> => {
  const model = await openModel(modelFixture(name), OPTIONS);
  // A base takes any size; 64 pixels make a small test.
  if (model.card.architecture.classifier !== null) return model;
  const architecture = { ...model.card.architecture, inputSize: 64 };
  return { ...model, card: { ...model.card, architecture, preset: { ...model.card.preset, resize: 73, crop: 64 } } };
};

const exported = async (model: Model, options: Partial<ExporterOptions> = {}): Promise<string> => {
  const path = target();
  await exportOnnx(model, path, { ...WHOLE, ...options });
  return path;
};

/** [n, h, w, c] as [n, c, h, w]. */
const channelsFirst = (values: ArrayLike<number>, shape: readonly number[]): Float32Array =>
  permute(Float32Array.from(values), shape, [0, 3, 1, 2]);

/** What ONNX reads, of the two images. */
const pixelsOf = (model: Model): Float32Array<ArrayBuffer> => {
  const size = model.card.architecture.inputSize;
  return permute(normalized(slimImages(size), model.card.preset), [2, size, size, 3], [0, 3, 1, 2]);
};

describe.each(Object.entries(SOURCES))('%s', (_what, file) => {
  it('are read here as they were, with their card', async () => {
    const model = await source(file);
    const outputs = model.card.architecture.classifier === null ? ['pool5'] : ['fc8'];
    const again = await openModel(await exported(model, { outputs }), OPTIONS);
    expect(again.card).toEqual(model.card);
    expect(await sameWeights(again, model)).toBe(true);
  });

  it('give in ONNX Runtime what they give here, layer by layer, for a batch of any size', async () => {
    const model = await source(file);
    const { inputSize, classifier, convolutions } = model.card.architecture;
    const layers = ['conv1_1', 'pool5', ...(classifier === null ? [] : ['fc6', 'fc7', 'fc8'])];
    const expected = await sessionOutputs(model, slimImages(inputSize), layers);
    const path = await exported(model, { outputs: layers });
    const both = await runOnnx(path, pixelsOf(model), 2, inputSize);
    expect(Object.keys(both).sort()).toEqual(layers.map((layer) => (layer === 'fc8' ? 'logits' : layer)).sort());
    const shapes: Readonly<Record<string, readonly number[]>> = {
      conv1_1: [2, inputSize, inputSize, convolutions[0]?.[0] ?? 0],
      pool5: [2, inputSize / 32, inputSize / 32, convolutions[4]?.[2] ?? 0],
    };
    for (const layer of layers) {
      const shape = shapes[layer];
      const values = expected[layer] ?? [];
      const found = both[layer === 'fc8' ? 'logits' : layer] ?? [];
      expect(maxDifference(found, shape === undefined ? values : channelsFirst(values, shape)), layer).toBeLessThan(
        1e-5,
      );
    }
    const half = pixelsOf(model).subarray(0, 3 * inputSize ** 2);
    const { pool5 = [] } = await runOnnx(path, half, 1, inputSize);
    const first = both.pool5?.subarray(0, both.pool5.length / 2) ?? [];
    expect(maxDifference(pool5, first)).toBeLessThan(1e-6);
  });
});

it('holds only what its outputs need', async () => {
  const model = await source();
  const [whole, fc7, pool1] = await Promise.all([
    exported(model),
    exported(model, { outputs: ['fc7'] }),
    exported(model, { outputs: ['pool1'] }),
  ]);
  const has = (path: string, name: string) => readFileSync(path).includes(name);
  expect(has(whole, 'classifier.6.weight')).toBe(true);
  expect(has(fc7, 'classifier.6.weight')).toBe(false);
  expect(has(fc7, 'classifier.3.weight')).toBe(true);
  expect(has(pool1, 'features.5.weight')).toBe(false);
  expect(Object.keys(await runOnnx(pool1, pixelsOf(model), 2, 64))).toEqual(['pool1']);
});

it('has the same bytes each time', async () => {
  const model = await source();
  expect(readFileSync(await exported(model)).equals(readFileSync(await exported(model)))).toBe(true);
});

/** Half of the last digit of a type, and what sixteen layers make of it. */
const ROUNDING: Readonly<Record<ExportDType, number>> = { f32: 0, f16: 2 ** -11, bf16: 2 ** -8 };

describe.each(['f16', 'bf16'] as const)('weights in %s', (dtype) => {
  it('are half as large, are read here again, and give nearly the same', async () => {
    const model = await source();
    const path = await exported(model, { dtype, outputs: ['fc7', 'fc8'] });
    const images = slimImages(64);
    const again = await openModel(path, OPTIONS);
    expect(again.weights.fc6?.kernel).toMatchObject({ place: { type: dtype } });
    const rounded = await sessionOutputs(again, images, ['fc8']);
    const { logits = [] } = await runOnnx(path, pixelsOf(model), 2, 64);
    // The same rounded weights: as exact as float32.
    expect(maxDifference(logits, rounded.fc8 ?? [])).toBeLessThan(1e-5);
    const { fc8: exact = [] } = await sessionOutputs(model, images, ['fc8']);
    expect(maxDifference(logits, exact)).toBeGreaterThan(0);
    expect(maxDifference(logits, exact)).toBeLessThan(ROUNDING[dtype] * 16);
  });
});

it('says what ONNX Runtime has against a file', async () => {
  const error = await failure(openOnnx(write(folder, 'no.onnx', 'hello')));
  expect(error).toMatchObject({ code: 'MODEL_INVALID', message: expect.stringContaining('no.onnx') });
});

it('says what to install where ONNX Runtime is missing, and nothing else is taken for that', async () => {
  const path = await exported(await source());
  const rejecting = (code: string) => async () => Promise.reject(Object.assign(new Error('no'), { code }));
  expect(await failure(openOnnx(path, rejecting('ERR_MODULE_NOT_FOUND')))).toMatchObject({
    code: 'USAGE',
    hint: 'npm install onnxruntime-node',
  });
  await expect(openOnnx(path, rejecting('ERR_DLOPEN_FAILED'))).rejects.toThrow('no');
});

const onnx = python(['onnx', 'onnxruntime', 'numpy']);

/** Checks a file, runs it on a batch of two and of one, and prints what it is. */
const CHECK = `
import json, sys, warnings
warnings.simplefilter("error")
import numpy as np
import onnx
import onnxruntime
found = []
for path in sys.argv[2:]:
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    pixels = np.fromfile(sys.argv[1], np.float32).reshape(2, 3, 64, 64)
    rows = session.run(None, {given.name: pixels})
    one = session.run(None, {given.name: pixels[:1]})
    found.append({
        "input": [given.name, given.type, given.shape],
        "outputs": {o.name: o.shape for o in session.get_outputs()},
        "initializers": [i.name for i in model.graph.initializer],
        "type": sorted({onnx.TensorProto.DataType.Name(i.data_type) for i in model.graph.initializer}),
        "metadata": {p.key: p.value for p in model.metadata_props},
        "opset": [(o.domain, o.version) for o in model.opset_import],
        "values": {o.name: row.reshape(-1).tolist() for o, row in zip(session.get_outputs(), rows)},
        "one": max(float(np.abs(a[:1] - b).max()) for a, b in zip(rows, one)),
    })
print(json.dumps(found))
`;

interface Checked {
  readonly values: Readonly<Record<string, readonly number[]>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly initializers: readonly string[];
  readonly one: number;
}

it.skipIf(onnx === undefined)(
  "ONNX's checker and ONNX Runtime (skipped without) take every type without a warning",
  async () => {
    const model = await source();
    const dtypes = ['f32', 'f16', 'bf16'] as const;
    const paths = [];
    for (const dtype of dtypes) paths.push(await exported(model, { dtype, outputs: ['fc7', 'fc8'] }));
    const pixels = write(folder, 'pixels.bin', Buffer.from(pixelsOf(model).buffer));
    const { stdout, stderr, status } = spawnSync(onnx as string, ['-c', CHECK, pixels, ...paths], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const found = JSON.parse(stdout) as readonly Checked[];
    expect(found).toHaveLength(dtypes.length);
    for (const [i, dtype] of dtypes.entries()) {
      const { values, metadata, initializers, one, ...rest } = found[i] as Checked;
      expect(rest).toEqual({
        input: ['input', 'tensor(float)', ['N', 3, 64, 64]],
        outputs: { fc7: ['N', 24], logits: ['N', 7] },
        type: [{ f32: 'FLOAT', f16: 'FLOAT16', bf16: 'BFLOAT16' }[dtype]],
        opset: [['', 17]],
      });
      expect(initializers.slice(0, 2)).toEqual(['features.0.weight', 'features.0.bias']);
      expect(initializers.at(-1)).toBe('classifier.6.bias');
      expect(initializers).toHaveLength(32);
      expect(metadata).toMatchObject({ format: 'vgg16', version: '1' });
      expect(JSON.parse(metadata.card ?? '')).toEqual(model.card);
      expect(one).toBeLessThan(1e-5);
      const here = await sessionOutputs(await openModel(paths[i] as string, OPTIONS), slimImages(64), ['fc7', 'fc8']);
      expect(maxDifference(values.fc7 ?? [], here.fc7 ?? [])).toBeLessThan(1e-5);
      expect(maxDifference(values.logits ?? [], here.fc8 ?? [])).toBeLessThan(1e-5);
    }
  },
);

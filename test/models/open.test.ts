import { copyFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTensor } from '../../src/formats/weights/read.js';
import { MINI_FILE } from '../../src/models/catalog/known-models.js';
import { IMAGENET_LABELS } from '../../src/models/imagenet/labels.js';
import { type OpenOptions, openModel } from '../../src/models/open.js';
import type { TensorSource } from '../../src/network/tensors.js';
import {
  failure,
  type LooseCard,
  modelFixture,
  ownFile,
  paperNames,
  safetensors,
  slimExpected,
  slimShapes,
  temporaryFolder,
  write,
} from '../formats/files.js';

const folder = temporaryFolder();
const options: OpenOptions = { seed: 1, cacheDir: join(folder, 'cache'), env: { TORCH_HOME: join(folder, 'torch') } };
let count = 0;
const file = (bytes: Buffer, extension = 'safetensors') => write(folder, `m${count++}.${extension}`, bytes);
const SLIM = {
  inputSize: 64,
  convolutions: [
    [6, 8],
    [8, 10],
    [12, 14, 12],
    [16, 14, 16],
    [14, 12, 16],
  ],
  classifier: { fc6: 24, fc7: 24, classes: 7 },
};

describe('openModel, weight files of PyTorch and timm', () => {
  it.each([
    'slim-torchvision.pth',
    'slim-torchvision-legacy.pth',
    'slim-torchvision.safetensors',
    'slim-torchvision-bf16.safetensors',
    'slim-timm.safetensors',
  ])('infers architecture and preset of %s and finds the values that PyTorch put there', async (name) => {
    const path = modelFixture(name);
    const model = await openModel(path, options);
    expect(model.card.architecture).toEqual(SLIM);
    expect(model.card.preset).toMatchObject({ name: 'torchvision', resize: 73, crop: 64, mean: [0.485, 0.456, 0.406] });
    expect(model.card.labels).toBeNull();
    expect(model.card.name).toBe(name.replace(/\.\w+$/, ''));
    expect(model.file).toEqual({ path, bytes: readFileSync(path).length });
    const sum = async (source: TensorSource | undefined) => {
      if (source?.kind !== 'stored') throw new Error('Expected a tensor of the file.');
      const values = await readTensor(
        source,
        source.shape.reduce((a, b) => a * b, 1),
      );
      return values.reduce((a, b) => a + b, 0);
    };
    // bfloat16 keeps 8 bits; the sums are of at most 2,304 values below 1.
    const digits = name.includes('bf16') ? 0 : 4;
    for (const [layer, torch] of [
      ['conv1_1', 'features.0'],
      ['conv5_3', 'features.28'],
      ['fc6', 'classifier.0'],
      ['fc8', 'classifier.6'],
    ] as const) {
      expect(model.weights[layer]?.layout).toBe('oihw/chw');
      expect(await sum(model.weights[layer]?.kernel)).toBeCloseTo(
        slimExpected.sums[`${torch}.weight`] as number,
        digits,
      );
      expect(await sum(model.weights[layer]?.bias)).toBeCloseTo(slimExpected.sums[`${torch}.bias`] as number, digits);
    }
  });

  it('gives ImageNet labels to a torchvision file of 1,000 classes, and leaves other counts without', async () => {
    const of = async (classes: number) =>
      (await openModel(file(safetensors(slimShapes({ classes }))), options)).card.labels;
    expect(await of(1000)).toBe(IMAGENET_LABELS);
    expect(await of(999)).toBeNull();
  });

  it('opens a base without classifier at the size of its preset', async () => {
    const { card, weights } = await openModel(file(safetensors(slimShapes({ classes: 0 }))), options);
    expect(card.architecture).toMatchObject({ inputSize: 224, classifier: null });
    expect(card.preset).toMatchObject({ resize: 256, crop: 224 });
    expect(Object.keys(weights)).toHaveLength(13);
  });

  it('opens a file of a gigabyte without reading its tensors', async () => {
    // The header is real, the rest is a hole in the file.
    const shapes = {
      ...slimShapes(),
      'classifier.0.weight': { shape: [135_000_000 / 2, 2] },
      'classifier.0.bias': { shape: [135_000_000 / 2] },
      'classifier.3.weight': { shape: [1, 135_000_000 / 2] },
      'classifier.3.bias': { shape: [1] },
      'classifier.6.weight': { shape: [3, 1] },
    };
    const path = sparse(shapes);
    const { file: opened } = await openModel(path, options);
    expect(opened?.bytes).toBeGreaterThan(1e9);
  });
});

function sparse(shapes: Parameters<typeof safetensors>[0]): string {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, { shape }] of Object.entries(shapes)) {
    const end = offset + shape.reduce((a, b) => a * b, 4);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const path = file(Buffer.concat([length, json]));
  truncateSync(path, 8 + json.length + offset);
  return path;
}

describe('openModel, the preset', () => {
  it('has to be named for files that do not say it, and is used then', async () => {
    const path = file(safetensors(paperNames(slimShapes())));
    const error = await failure(openModel(path, options));
    expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(error.hint).toContain('preset');
    const { card } = await openModel(path, { ...options, preset: 'caffe' });
    expect(card.preset).toMatchObject({ name: 'caffe', channels: 'BGR', resize: 37, crop: 32 });
  });

  it.each([
    ['torchvision names', () => modelFixture('slim-timm.safetensors')],
    ['a card', () => file(ownFile())],
  ])('is refused where the file says it: %s', async (_what, path) => {
    const error = await failure(openModel(path(), { ...options, preset: 'torchvision' }));
    expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(error.message).toContain('preset');
  });
});

describe('openModel, files with a card', () => {
  it('takes everything from the card and reads the tensors in TensorFlow order', async () => {
    const { card, weights } = await openModel(file(ownFile()), options);
    expect(card).toMatchObject({
      name: 'own',
      labels: ['cat', 'dog', 'owl'],
      license: 'MIT',
      preset: { resize: 36, crop: 32, channels: 'BGR', mean: [1, 2, 3] },
      accuracy: { top1: 50, on: 'nothing' },
    });
    expect(weights.fc6).toMatchObject({
      layout: 'hwio/hwc',
      kernel: { place: { kind: 'range', byteLength: 2 * 5 * 4 } },
    });
  });

  it.each<[string, (card: LooseCard) => void]>([
    ['architecture', (card) => delete card.architecture],
    ['architecture.inputSize', (card) => (card.architecture.inputSize = 33)],
    ['architecture.inputSize', (card) => (card.architecture.inputSize = 1e9)],
    ['architecture.convolutions', (card) => card.architecture.convolutions.pop()],
    ['architecture.convolutions[2]', (card) => card.architecture.convolutions[2].push(2)],
    ['architecture.convolutions[0]', (card) => (card.architecture.convolutions[0][0] = 0)],
    ['architecture.classifier.fc7', (card) => (card.architecture.classifier.fc7 = '4')],
    ['does not fit its tensors', (card) => (card.architecture.classifier.fc7 = 9)],
    ['preset', (card) => (card.preset = 'torchvision')],
    ['preset.channels', (card) => (card.preset.channels = 'GRB')],
    ['preset.crop', (card) => (card.preset.crop = 16)],
    ['preset.resize', (card) => (card.preset.resize = 31)],
    ['preset.divisor', (card) => (card.preset.divisor = 0)],
    ['preset.mean', (card) => (card.preset.mean = [1, 2])],
    ['preset.std', (card) => (card.preset.std = [1, 0, 1])],
    ['labels', (card) => card.labels.pop()],
    ['labels', (card) => (card.labels = ['a', 'b', 3])],
    ['license', (card) => (card.license = 7)],
    ['accuracy.top1', (card) => (card.accuracy.top1 = 'good')],
    ['name', (card) => (card.name = '')],
  ])('names the field that is wrong: %s', async (field, change) => {
    const error = await failure(openModel(file(ownFile(change)), options));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(error.message).toContain(field);
  });

  it('refuses another version, a damaged card, and our names without a card', async () => {
    const of = async (metadata: Record<string, string>) =>
      (await failure(openModel(file(safetensors(slimShapes(), metadata)), options))).message;
    expect(await of({ format: 'vgg16', version: '2', card: '{}' })).toContain('version');
    expect(await of({ format: 'vgg16', version: '1' })).toContain('card');
    expect(await of({ format: 'vgg16', version: '1', card: '{"a":' })).toContain('damaged');
    const bare = Buffer.from(ownFile().toString('latin1').replace('"format":"vgg16"', '"format":"vgg61"'), 'latin1');
    expect((await failure(openModel(file(bare), options))).message).toContain('has none');
  });
});

describe('openModel, labels and classes', () => {
  it('uses the labels given, if there is one for each class', async () => {
    const path = modelFixture('slim-timm.safetensors');
    const labels = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    expect((await openModel(path, { ...options, labels })).card.labels).toEqual(labels);
    const error = await failure(openModel(path, { ...options, labels: ['a'] }));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(error.message).toBe('Expected 7 labels, one for each class of slim-timm, but received 1.');
  });

  it('refuses --num-classes that contradicts the file', async () => {
    const path = modelFixture('slim-timm.safetensors');
    await openModel(path, { ...options, numClasses: 7 });
    expect(await failure(openModel(path, { ...options, numClasses: 8 }))).toMatchObject({ code: 'USAGE' });
  });
});

describe('openModel, known names', () => {
  it('makes the full-size random network', async () => {
    const { card, weights, file: none } = await openModel('random', { ...options, seed: 7, numClasses: 10 });
    expect(card.architecture.classifier).toEqual({ fc6: 4096, fc7: 4096, classes: 10 });
    expect(weights.conv1_1?.kernel).toMatchObject({ kind: 'random', seed: 7, stream: 0 });
    expect(none).toBeNull();
    expect(await failure(openModel('random', { ...options, numClasses: 0 }))).toMatchObject({ exitCode: 2 });
  });

  it('opens mini, which ships with the tool', async () => {
    expect(existsSync(MINI_FILE)).toBe(true);
    const { card } = await openModel('mini', options);
    expect(card).toMatchObject({ name: 'mini', architecture: { inputSize: 32, classifier: { classes: 10 } } });
    expect(card.labels).toHaveLength(10);
    expect(card.accuracy?.top1).toBeGreaterThanOrEqual(86);
  });

  it('says where it looked for imagenet and what else there is', async () => {
    const error = await failure(openModel('imagenet', options));
    expect(error).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    expect(error.message).toContain(join(folder, 'cache', 'models', 'imagenet.safetensors'));
    expect(error.message).toContain(join(folder, 'torch', 'hub', 'checkpoints', 'vgg16-397923af.pth'));
    expect(error.hint).toContain('The model mini');
  });

  it('refuses a torchvision file whose hash is not the one in its name', async () => {
    const checkpoints = join(folder, 'torch2', 'hub', 'checkpoints');
    mkdirSync(checkpoints, { recursive: true });
    copyFileSync(modelFixture('slim-torchvision.pth'), join(checkpoints, 'vgg16-397923af.pth'));
    const error = await failure(openModel('imagenet', { ...options, env: { TORCH_HOME: join(folder, 'torch2') } }));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(error.message).toContain('sha256 that starts with 397923af');
  });

  it('takes our own imagenet file from the cache with its card', async () => {
    const cacheDir = join(folder, 'cache2');
    mkdirSync(join(cacheDir, 'models'), { recursive: true });
    write(join(cacheDir, 'models'), 'imagenet.safetensors', ownFile());
    const { card } = await openModel('imagenet', { ...options, cacheDir });
    expect(card).toMatchObject({ name: 'imagenet', labels: ['cat', 'dog', 'owl'], license: 'MIT' });
  });

  it('lists the names where a name is neither known nor a file', async () => {
    const error = await failure(openModel('resnet50', options));
    expect(error).toMatchObject({ code: 'MODEL_NOT_FOUND', exitCode: 5 });
    expect(error.message).toContain('resnet50');
    for (const name of ['imagenet', 'mini', 'random']) expect(error.hint).toContain(name);
  });
});

/** Models of TensorFlow.js against what TensorFlow.js made of them: fixtures/formats/{make_tf.py,make_tfjs.mjs}. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { readWeightFile } from '../../../src/formats/open.js';
import { FLIPS, failure, temporaryFolder, write } from '../files.js';
import {
  difference,
  type Expected,
  expectedOf,
  expectRefusedWhenCut,
  expectSurvived,
  format,
  open,
  unpacked,
} from '../folders.js';

/** Bytes changed in each file: each opens a whole model. */
const FLIPS_EACH = FLIPS / 10;

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const files = expectedOf('tfjs.json');

it.each(Object.entries(files))("%s gives TensorFlow.js's logits", async (name, expected) => {
  expect(await difference(format(name), expected, 'keras')).toBeLessThan(1e-5);
  expect(await difference(join(format(name), 'model.json'), expected, 'keras')).toBeLessThan(1e-5);
});

describe('tfjs models', () => {
  it('are told apart by what they hold, whatever the name of their JSON', async () => {
    const path = unpacked(folder, 'tfjs-graph', 'renamed');
    const json = write(path, 'weights.bin', readFileSync(join(path, 'model.json')));
    const file = await readWeightFile(json);
    expect(file).toMatchObject({ format: 'tfjs', inputSize: 64 });
    expect(file.bytes).toBe(readFileSync(json).length + 4 * (2877 + 2));
  });

  it('may give other things beside their scores', async () => {
    const path = unpacked(folder, 'tfjs-graph', 'with-class');
    const model = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'));
    model.modelTopology.node.push(
      { name: 'best', op: 'ArgMax', input: ['Identity', 'axis'] },
      { name: 'axis', op: 'Const' },
    );
    model.signature.outputs = { best: { name: 'best:0' }, ...model.signature.outputs };
    writeFileSync(join(path, 'model.json'), JSON.stringify(model));
    expect(await difference(path, files['tfjs-graph'] as Expected, 'keras')).toBeLessThan(1e-5);
  });

  it('need a preset where nothing says how they were trained', async () => {
    expect((await failure(open(format('tfjs-written')))).code).toBe('USAGE');
  });

  it('say which weights are quantised, and where they lie in which shards', async () => {
    const { tensors } = await readWeightFile(format('tfjs-uint8'));
    expect(tensors[0]).toMatchObject({ name: 'block1_conv1/kernel', dtype: 'float32 as uint8' });
    expect(tensors[0]?.place).toMatchObject({ kind: 'quantized', type: 'u8', axis: 0 });
    const written = await readWeightFile(format('tfjs-written'));
    const cut = written.tensors
      .map(({ place }) => place)
      .find((place) => place?.kind === 'pieces' && place.pieces.length > 1);
    expect(cut).toMatchObject({ pieces: [{ byteLength: expect.any(Number) }, { offset: 0 }] });
  });
});

/** A model.json of one group beside a shard of 8 bytes. */
async function message(change: (json: LooseJson) => void): Promise<string> {
  const path = join(folder, `loose-${count++}`);
  mkdirSync(path);
  writeFileSync(join(path, 'a.bin'), Buffer.alloc(8));
  writeFileSync(join(folder, 'outside.bin'), Buffer.alloc(8));
  const weights = [{ name: 'w', shape: [2], dtype: 'float32' }];
  const json: LooseJson = {
    modelTopology: { class_name: 'Sequential', config: [] },
    weightsManifest: [{ paths: ['a.bin'], weights }],
  };
  change(json);
  writeFileSync(join(path, 'model.json'), JSON.stringify(json));
  const error = await failure(open(path, { preset: 'keras' }));
  expect(error.exitCode).toBe(5);
  return error.message;
}
let count = 0;

// biome-ignore lint/suspicious/noExplicitAny: wrong types are what it is for
type LooseJson = Record<string, any>;

describe('damaged tfjs models', () => {
  it.each([
    ['a shard outside of the folder', '../outside.bin'],
    ['a shard by an absolute path', '/etc/passwd'],
    ['a shard that goes round', 'x/../../outside.bin'],
    ['a shard that is no text', 3],
    ['a shard with a null in its name', 'a.bin\0'],
  ])('refuses %s', async (_what, path) => {
    expect(await message((json) => (json.weightsManifest[0].paths = [path]))).toContain('in its own folder');
  });

  it.each<readonly [string, (json: LooseJson) => void, string]>([
    ['a shard that is missing', (json) => (json.weightsManifest[0].paths = ['b.bin']), '"b.bin"'],
    ['shards that are too short', (json) => (json.weightsManifest[0].weights[0].shape = [3]), 'truncated'],
    ['shards that are too long', (json) => (json.weightsManifest[0].weights[0].shape = [1]), 'too long'],
    [
      'a tensor of 2^60 numbers',
      (json) => (json.weightsManifest[0].weights[0].shape = [2 ** 30, 2 ** 30]),
      'too large',
    ],
    ['a negative shape', (json) => (json.weightsManifest[0].weights[0].shape = [-2]), 'counts as the shape'],
    ['a type of unknown size', (json) => (json.weightsManifest[0].weights[0].dtype = 'string'), 'known size'],
    ['a type named like a method', (json) => (json.weightsManifest[0].weights[0].dtype = 'toString'), 'known size'],
    [
      'a quantisation without scale',
      (json) =>
        Object.assign(json.weightsManifest[0].weights[0], { shape: [8], quantization: { dtype: 'uint8', min: 0 } }),
      'scale and min',
    ],
    [
      'a tensor twice',
      (json) =>
        (json.weightsManifest[0].weights = [
          { name: 'w', shape: [1], dtype: 'float32' },
          { name: 'w', shape: [1], dtype: 'float32' },
        ]),
      'occurs twice',
    ],
    ['a manifest that is none', (json) => (json.weightsManifest = [3]), '{ paths, weights }'],
    ['other JSON', (json) => delete json.modelTopology, 'modelTopology'],
    ['a graph of numbers', (json) => (json.modelTopology = { node: [1] }), 'as a node'],
    [
      'a graph that reads itself',
      (json) => {
        json.modelTopology = {
          node: [
            { name: 'a', op: 'Relu', input: ['b'] },
            { name: 'b', op: 'Identity', input: ['a'] },
          ],
        };
        json.signature = { outputs: { x: { name: 'a:0' } } };
      },
      'steps to follow',
    ],
    [
      'an operation that VGG-16 has not',
      (json) => {
        json.modelTopology = {
          node: [
            { name: 'a', op: 'Elu', input: ['b'] },
            { name: 'b', op: 'Placeholder' },
          ],
        };
      },
      '"Elu"',
    ],
  ])('refuses %s', async (_what, change, expected) => {
    expect(await message((json) => void change(json))).toContain(expected);
  });

  it.each(['tfjs-keras', 'tfjs-graph-tuned'])('refuses %s wherever one of its files is cut off', async (name) => {
    const path = unpacked(folder, name, `cut-${name}`);
    await expectRefusedWhenCut(path, 'model.json');
    await expectRefusedWhenCut(path, 'group1-shard2of2.bin');
  });

  it.each(['tfjs-keras', 'tfjs-graph'])(
    `opens %s or says what is wrong for ${FLIPS_EACH} bytes changed`,
    { timeout: 600_000 },
    async (name) => {
      await expectSurvived(unpacked(folder, name, `flip-${name}`), 'model.json', FLIPS_EACH);
    },
  );
});

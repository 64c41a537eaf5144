/** TensorFlow.js opens what is written, in Node and in a browser, and computes what this tool does. */

import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { configureTensorFlow, loadTensorFlow } from '../../../src/engine/tensorflow.js';
import type { ExporterOptions } from '../../../src/formats/export/options.js';
import { exportTfjs } from '../../../src/formats/tfjs/write.js';
import { openModel } from '../../../src/models/open.js';
import { vgg16 } from '../../../src/network/architecture.js';
import type { Model } from '../../../src/network/card.js';
import { randomModel } from '../../engine/reference.js';
import { maxDifference, normalized, sameWeights, sessionOutputs, slimImages } from '../export/numbers.js';
import { failure, modelFixture, temporaryFolder } from '../files.js';

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const WHOLE: ExporterOptions = { outputs: ['fc8'], dtype: 'f32' };
let count = 0;
const target = () => join(folder, `tfjs-${count++}`);
const open = (path: string) => openModel(path, { seed: 0, cacheDir: tmpdir(), env: {} });
const slim = () => open(modelFixture('slim-torchvision.pth'));
const mini = () => open('mini');

/** What tfjs computes, by Keras's names of the layers. */
async function tfjsOutputs(path: string, model: Model, images: Uint8Array): Promise<Record<string, Float32Array>> {
  const tf = loadTensorFlow();
  const layers = await tf.loadLayersModel(`file://${path}/model.json`);
  const size = model.card.architecture.inputSize;
  const input = tf.tensor4d(normalized(images, model.card.preset), [2, size, size, 3]);
  const outputs = [layers.predict(input)].flat();
  return Object.fromEntries(layers.outputNames.map((name, i) => [name, outputs[i]?.dataSync() as Float32Array]));
}

describe('exportTfjs', () => {
  it.each([
    ['slim', slim],
    ['mini', mini],
  ])('gives a model that tfjs computes as this tool does: %s', async (_name, source) => {
    const warn = vi.spyOn(console, 'warn');
    const model = await source();
    const path = target();
    await exportTfjs(model, path, { outputs: ['pool5', 'fc7', 'fc8'], dtype: 'f32' });
    const images = slimImages(model.card.architecture.inputSize);
    const expected = await sessionOutputs(model, images, ['pool5', 'fc7', 'fc8']);
    const found = await tfjsOutputs(path, model, images);
    expect(Object.keys(found)).toEqual(['block5_pool', 'fc2', 'predictions']);
    for (const [keras, paper] of Object.entries({ block5_pool: 'pool5', fc2: 'fc7', predictions: 'fc8' })) {
      expect(maxDifference(found[keras] ?? [], expected[paper] ?? []), keras).toBeLessThan(1e-5);
    }
    expect(warn).not.toHaveBeenCalled();
  });

  it('gives a file with its card and the same values when it is read again, by its folder or its JSON', async () => {
    const model = await mini();
    const path = target();
    await exportTfjs(model, path, WHOLE);
    for (const name of [path, join(path, 'model.json')]) {
      const again = await open(name);
      expect(again.card).toEqual(model.card);
      expect(await sameWeights(again, model)).toBe(true);
    }
  });

  it('cuts the weights into shards of 4 MiB and gives them the same bytes each time', async () => {
    const architecture = { ...vgg16(10), inputSize: 32, classifier: { fc6: 2100, fc7: 1000, classes: 10 } };
    const convolutions = architecture.convolutions.map((block) => block.map(() => 8));
    const { card, ...random } = randomModel({ ...architecture, convolutions }, 'keras', 1);
    const model = { ...random, card: { ...card, preset: { ...card.preset, resize: 32, crop: 32 } } };
    const [one, two] = [target(), target()];
    for (const path of [one, two]) await exportTfjs(model, path, WHOLE);
    const sizes = readdirSync(one).map((name) => [name, statSync(join(one, name)).size] as const);
    expect(sizes.filter(([name]) => name.endsWith('.bin'))).toEqual([
      ['group1-shard1of3.bin', 4194304],
      ['group1-shard2of3.bin', 4194304],
      ['group1-shard3of3.bin', expect.any(Number)],
    ]);
    for (const [name] of sizes) expect(readFileSync(join(one, name)).equals(readFileSync(join(two, name)))).toBe(true);
    expect(await sameWeights(await open(one), model)).toBe(true);
  });

  it('stores 16-bit halves on request, which tfjs reads', async () => {
    const model = await mini();
    const path = target();
    await exportTfjs(model, path, { ...WHOLE, dtype: 'f16' });
    const bytes = (model.file?.bytes ?? 0) / 2;
    const shard = statSync(join(path, 'group1-shard1of1.bin')).size;
    expect(shard / bytes).toBeCloseTo(1, 1);
    const images = slimImages(model.card.architecture.inputSize);
    const { fc8 = [] } = await sessionOutputs(await open(path), images, ['fc8']);
    const { predictions = [] } = await tfjsOutputs(path, model, images);
    expect(maxDifference(predictions, fc8)).toBeLessThan(1e-5);
  });

  it('leaves out what no output needs, and has no bf16', async () => {
    const model = await slim();
    const path = target();
    await exportTfjs(model, path, { outputs: ['pool5'], dtype: 'f32' });
    expect(readFileSync(join(path, 'model.json'), 'utf8')).not.toContain('fc1');
    const images = slimImages(model.card.architecture.inputSize);
    const { pool5 = [] } = await sessionOutputs(model, images, ['pool5']);
    expect(maxDifference((await tfjsOutputs(path, model, images)).block5_pool ?? [], pool5)).toBeLessThan(1e-5);
    expect((await failure(exportTfjs(model, target(), { ...WHOLE, dtype: 'bf16' }))).code).toBe('USAGE');
  });
});

const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
});

const BUNDLE = join(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs/package.json')), 'dist/tf.min.js');

/** Loads the model as any page would, and sends back what it computes, or why it cannot. */
const PAGE = `<!doctype html><script src="/tf.min.js"></script><script>
(async () => {
  await tf.setBackend('cpu');
  const model = await tf.loadLayersModel('/model/model.json');
  const [, size] = model.inputs[0].shape;
  const input = new Float32Array(await (await fetch('/input')).arrayBuffer());
  const logits = model.predict(tf.tensor4d(input, [2, size, size, 3]));
  return { logits: Array.from(await logits.data()), card: model.getUserDefinedMetadata() };
})().catch((error) => ({ error: String(error) })).then((result) => {
  return fetch('/result', { method: 'POST', body: JSON.stringify(result) });
});
</script>`;

it.skipIf(CHROMIUM === undefined)(
  'a page in Chromium (skipped without) loads it and computes the same',
  { timeout: 120_000 },
  async () => {
    const model = await mini();
    const path = target();
    await exportTfjs(model, path, WHOLE);
    const images = slimImages(model.card.architecture.inputSize);
    const input = normalized(images, model.card.preset);
    const { logits, card, error } = await inChromium(path, Buffer.from(input.buffer));
    expect(error).toBeUndefined();
    expect(maxDifference(logits, (await sessionOutputs(model, images, ['fc8'])).fc8 ?? [])).toBeLessThan(1e-5);
    expect(JSON.parse(card.card)).toEqual(model.card);
  },
);

interface PageResult {
  readonly logits: readonly number[];
  readonly card: { readonly card: string };
  readonly error: string | undefined;
}

async function inChromium(model: string, input: Buffer): Promise<PageResult> {
  let resolve: (result: PageResult) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<PageResult>((done, fail) => {
    [resolve, reject] = [done, fail];
  });
  promise.catch(() => {});
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    if (url === '/result') {
      const parts: Buffer[] = [];
      request
        .on('data', (part) => parts.push(part))
        .on('end', () => {
          resolve(JSON.parse(Buffer.concat(parts).toString()));
          response.end();
        });
    } else if (url === '/') response.setHeader('content-type', 'text/html').end(PAGE);
    else if (url === '/tf.min.js') response.end(readFileSync(BUNDLE));
    else if (url === '/input') response.end(input);
    else if (url.startsWith('/model/')) response.end(readFileSync(join(model, url.slice('/model/'.length))));
    else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage'];
  const profile = `--user-data-dir=${join(folder, 'chromium')}`;
  const browser = spawn(CHROMIUM as string, [...flags, profile, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
  const ended = new Promise<void>((resolveEnd) => browser.once('exit', () => resolveEnd()));
  browser.once('error', reject);
  void ended.then(() => reject(new Error('Chromium ended before it answered')));
  try {
    return await promise;
  } finally {
    browser.kill();
    await ended;
    server.closeAllConnections();
    server.close();
  }
}

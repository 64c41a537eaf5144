/** The engine's thread, as compiled: a worker is loaded from a file, which the test runner's own loader cannot do. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Engine } from '../../dist/engine/engine.js';
import { randomWeights } from '../../src/formats/weights/random.js';
import type { Architecture } from '../../src/network/architecture.js';
import type { Model } from '../../src/network/card.js';
import { PRESETS } from '../../src/network/preset.js';

const architecture: Architecture = {
  inputSize: 32,
  convolutions: [
    [4, 4],
    [8, 8],
    [8, 8, 8],
    [8, 8, 8],
    [8, 8, 8],
  ],
  classifier: { fc6: 16, fc7: 16, classes: 10 },
};
const IMAGE_BYTES = 32 * 32 * 3;

const model: Model = {
  card: {
    name: 'slim',
    architecture,
    preset: { ...PRESETS.torchvision, crop: 32 },
    labels: null,
    license: null,
    source: null,
    accuracy: null,
  },
  weights: randomWeights(architecture, 3),
  file: null,
};

const engines: Engine[] = [];

async function open(outputs: Parameters<typeof Engine.open>[0]['outputs'], weights = model.weights) {
  const engine = await Engine.open({ model: { ...model, weights }, precision: 'f32', threads: 1, outputs });
  engines.push(engine);
  return engine;
}

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

const pixels = (count: number) =>
  Uint8Array.from({ length: count * IMAGE_BYTES }, (_, i) => (Math.imul(i, 2654435761) >>> 24) & 255).buffer;

test('a batch comes back with the outputs that were asked for, and its buffer', async () => {
  const engine = await open([
    { kind: 'top_k', k: 3 },
    { kind: 'layer', layer: 'pool5' },
  ]);
  const { outputs, pixels: buffer } = await engine.run(pixels(2), 2);
  expect(Object.keys(outputs ?? {}).sort()).toEqual(['pool5', 'top_k/classes', 'top_k/logits', 'top_k/probabilities']);
  expect(outputs?.pool5?.shape).toEqual([2, 1, 1, 8]);
  expect(outputs?.['top_k/classes']?.shape).toEqual([2, 3]);
  expect(buffer.byteLength).toBe(2 * IMAGE_BYTES);
});

test('batches are answered in order, whatever their sizes', async () => {
  const engine = await open([{ kind: 'layer', layer: 'fc8' }]);
  const results = await Promise.all([1, 4, 2].map((count) => engine.run(pixels(count), count)));
  expect(results.map(({ outputs }) => outputs?.fc8?.shape)).toEqual([
    [1, 10],
    [4, 10],
    [2, 10],
  ]);
  const first = results.map(({ outputs }) => [...(outputs?.fc8?.data ?? [])].slice(0, 10));
  for (const logits of first.slice(1)) {
    for (const [i, value] of logits.entries()) expect(value).toBeCloseTo(first[0]?.[i] ?? Number.NaN, 5);
  }
});

test('cancelled batches come back without outputs', async () => {
  const engine = await open([{ kind: 'layer', layer: 'fc8' }]);
  engine.cancel();
  expect((await engine.run(pixels(1), 1)).outputs).toBeNull();
});

test('a failure in the thread arrives with its message and its stack', async () => {
  const engine = await open([{ kind: 'layer', layer: 'fc8' }]);
  const failure = await engine.run(new ArrayBuffer(8), 1).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(Error);
  expect((failure as Error).stack).toMatch(/session\.js/);
});

test('a weight that is not a number is refused, by name', async () => {
  const conv = model.weights.conv3_2;
  if (conv === undefined || conv.bias.kind !== 'random') throw new Error('Expected a random bias.');
  const weights = { ...model.weights, conv3_2: { ...conv, bias: { ...conv.bias, bound: Number.NaN } } };
  await expect(open([{ kind: 'layer', layer: 'fc8' }], weights)).rejects.toMatchObject({
    message: expect.stringContaining('conv3_2/bias'),
    exitCode: 5,
  });
});

test('weights that the outputs do not need are not read', async () => {
  const { fc6: _, ...base } = model.weights;
  const engine = await open([{ kind: 'layer', layer: 'pool5' }], base);
  expect((await engine.run(pixels(1), 1)).outputs?.pool5?.shape).toEqual([1, 1, 1, 8]);
});

test('a closed engine refuses work', async () => {
  const engine = await open([{ kind: 'layer', layer: 'fc8' }]);
  await engine.close();
  await expect(engine.run(pixels(1), 1)).rejects.toThrow('closed');
});

test('a thread that was prepared is the next engine, and a process that needs none ends well', async () => {
  Engine.prepare({ threads: 1 });
  const engine = await open([{ kind: 'top_k', k: 1 }]);
  expect((await engine.run(new ArrayBuffer(IMAGE_BYTES), 1)).outputs).not.toBeNull();
  expect(prepares('(await import(url)).Engine.prepare({ threads: 1 });')).toEqual({
    status: 7,
    signal: null,
    stderr: '',
  });
});

test('what a process says on stderr while TensorFlow loads, muted, is not lost', () => {
  const { status, signal, stderr } = prepares(`(await import(url)).Engine.prepare({ threads: 1 });
    for (let i = 0; i < 100; i += 1) {
      process.stderr.write(i + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }`);
  expect({ status, signal }).toEqual({ status: 7, signal: null });
  expect(stderr.trim().split('\n')).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
});

/** Runs `script`, which finds the engine's module at `url`, in a process of its own that then ends with 7. */
function prepares(script: string): { status: number | null; signal: string | null; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-engine-'));
  const file = join(folder, 'prepare.mjs');
  const { href } = new URL('../../dist/engine/engine.js', import.meta.url);
  writeFileSync(file, `const url = '${href}';\n${script}\nprocess.exitCode = 7;`);
  const { status, signal, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return { status, signal, stderr };
}

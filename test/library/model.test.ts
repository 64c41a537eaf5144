/** Rows of `classify` and `extract`, and a model that stays open: against each other and for inputs that fail. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
// As it is built: the engine's thread is a file.
import {
  classify,
  type ExtractRow,
  extract,
  ImageError,
  openModel,
  type Prediction,
  RunError,
  type Vgg16Model,
} from '../../dist/index.js';
import { ROOT, vgg16 } from '../e2e/helpers/program.js';
import { jsonRows } from '../e2e/helpers/rows.js';

const IMAGES = fileURLToPath(new URL('../../fixtures/images', import.meta.url));
const CAT = join(IMAGES, 'cat.jpg');
const MINI = { model: 'mini' } as const;

let model: Vgg16Model;

beforeAll(async () => {
  model = await openModel('mini');
});

afterAll(() => model.close());

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

test('a row holds what the library says and nothing else', async () => {
  const [row, failed] = await all(classify([CAT, Buffer.from('no image')], { ...MINI, relativeTo: IMAGES, topK: 2 }));
  expect(row).toEqual({
    path: 'cat.jpg',
    index: 0,
    status: 'ok',
    width: 400,
    height: 266,
    top: [
      { rank: 1, class: 3, label: 'cat', prob: expect.any(Number), logit: expect.any(Number) },
      {
        rank: 2,
        class: expect.any(Number),
        label: expect.any(String),
        prob: expect.any(Number),
        logit: expect.any(Number),
      },
    ],
  });
  const error = { code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining('Expected JPEG') };
  expect(failed).toEqual({ path: '<buffer>', index: 1, status: 'error', error });
});

test('activations are a Float32Array of their own', async () => {
  const [row] = (await all(extract(CAT, { ...MINI, layer: 'conv5_3', pool: 'none' }))) as Extract<
    ExtractRow,
    { status: 'ok' }
  >[];
  expect(Object.keys(row ?? {})).toEqual(['path', 'index', 'status', 'layer', 'shape', 'data']);
  const { layer, shape, data } = row as NonNullable<typeof row>;
  expect([layer, shape]).toEqual(['conv5_3', [2, 2, 128]]);
  expect(data).toBeInstanceOf(Float32Array);
  expect(data).toHaveLength(2 * 2 * 128);
  expect(data.buffer.byteLength).toBe(data.byteLength);
});

test('an open model gives the numbers of a run', async () => {
  const [row] = await all(classify(IMAGES, MINI));
  const alone = await model.classify(join(IMAGES, 'airplane.jpg'));
  expect(row).toMatchObject(alone);
  const [features] = await all(extract(IMAGES, MINI));
  expect(features).toMatchObject(await model.extract(join(IMAGES, 'airplane.jpg')));
});

test('rows are those of the command', async () => {
  const run = await vgg16(['classify', IMAGES, '-m', 'mini', '--format', 'jsonl', '--scores', 'both']);
  const scores = (rows: readonly { readonly path: string; readonly top?: readonly Prediction[] }[]) =>
    rows.map(({ path, top }) => [path, top?.map(({ label, prob, logit }) => [label, prob, logit])]);
  const rows = await all(classify(IMAGES, { ...MINI, relativeTo: ROOT }));
  // The command writes as many digits as a float32 needs.
  expect(JSON.stringify(scores(rows), single)).toBe(JSON.stringify(scores(jsonRows(run.stdout)), single));
});

const single = (_key: string, value: unknown) => (typeof value === 'number' ? Math.fround(value) : value);

test('calls at the same time get each their own', async () => {
  const names = ['ship', 'truck', 'frog', 'cat'];
  const calls = names.map((name) => model.classify(readFileSync(join(IMAGES, `${name}.jpg`)), { topK: 1 }));
  const labels = (await Promise.all(calls)).map(({ top }) => top.map(({ label }) => label));
  expect(labels).toEqual(names.map((name) => [name]));
});

test('topK and threshold', async () => {
  const { top } = await model.classify(CAT, { topK: 100 });
  expect(top).toHaveLength(model.classes);
  expect(top.reduce((sum, { prob }) => sum + prob, 0)).toBeCloseTo(1, 5);
  const likely = await model.classify(CAT, { threshold: 0.5 });
  expect(likely.top).toEqual(top.slice(0, 1));
});

test('what the model is', () => {
  expect(model.card).toMatchObject({ name: 'mini', preset: { crop: 32 } });
  expect([model.classes, model.labels?.[3]]).toEqual([10, 'cat']);
});

test('an image that fails leaves the model usable', async () => {
  await expect(model.classify('none.jpg')).rejects.toThrow(ImageError);
  await expect(model.classify(Buffer.alloc(0))).rejects.toMatchObject({ code: 'DECODE_FAILED' });
  await expect(model.extract(CAT, { layer: 'fc9' })).rejects.toMatchObject({ name: 'RunError', code: 'USAGE' });
  expect((await model.classify(CAT)).top).toHaveLength(5);
});

test('a closed model says so, and has answered before', async () => {
  const closing = await openModel('mini');
  const call = closing.classify(CAT);
  await Promise.all([closing.close(), closing[Symbol.asyncDispose]()]);
  expect((await call).top).toHaveLength(5);
  await expect(closing.classify(CAT)).rejects.toThrow('Expected an open model but it has been closed.');
});

test('a loop may be left', async () => {
  for await (const row of classify(IMAGES, { ...MINI, batchSize: 1 })) {
    expect(row.index).toBe(0);
    break;
  }
});

test('an aborted run throws the reason, after the rows that were ready', async () => {
  const controller = new AbortController();
  const rows = classify(IMAGES, { ...MINI, batchSize: 1, signal: controller.signal });
  expect((await rows.next()).done).toBe(false);
  controller.abort(new Error('enough'));
  await expect(all(rows)).rejects.toThrow('enough');
});

test.each([
  [() => openModel('none'), 'MODEL_NOT_FOUND'],
  [() => openModel('mini', { numClasses: 3 }), 'USAGE'],
  [() => openModel('mini', { precision: 'f64' as never }), 'USAGE'],
  [() => openModel('mini', { precision: 'int8' }), 'MODEL_INVALID'],
  [() => openModel('imagenet-features', { offline: true, cacheDir: '/nowhere' }), 'MODEL_NOT_FOUND'],
  [() => all(classify('nothing/*.jpg', MINI)), 'NO_INPUTS'],
  [() => all(classify(CAT, { ...MINI, batchSize: 0 })), 'USAGE'],
])('what cannot be done is a RunError in words of the library', async (act, code) => {
  const error = await act().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RunError);
  const { code: received, message, hint = '' } = error as RunError;
  expect(received).toBe(code);
  expect(`${message} ${hint}`).not.toMatch(/--[a-z]/);
});

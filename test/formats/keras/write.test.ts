/** `.keras` files of this tool, opened by Keras itself. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../../src/engine/session.js';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { readLayer } from '../../../src/formats/export/layer-weights.js';
import { kerasName } from '../../../src/formats/keras/layer-names.js';
import { exportKeras } from '../../../src/formats/keras/write.js';
import { openModel } from '../../../src/models/open.js';
import { weightLayersOf } from '../../../src/network/architecture.js';
import type { Model } from '../../../src/network/card.js';
import { output } from '../../engine/reference.js';
import { python } from '../../python.js';
import { type KerasRun, type KerasRuns, runKeras } from '../export/keras-python.js';
import { failure, modelFixture } from '../files.js';

configureTensorFlow({ threads: 2 });

/** max |difference| over the largest magnitude. */
const TOLERANCE = 1e-5;

const folder = mkdtempSync(join(tmpdir(), 'vgg16-keras-'));
afterAll(() => rmSync(folder, { recursive: true }));

const options = { seed: 0, cacheDir: folder, env: {} };
const SOURCE = modelFixture('slim-torchvision.pth');
const IMAGES = 2;
let count = 0;
const target = () => join(folder, `${count++}.keras`);

async function exported(outputs: readonly string[]): Promise<{ model: Model; path: string }> {
  const model = await openModel(SOURCE, options);
  const path = target();
  await exportKeras(model, path, { outputs, dtype: 'f32' });
  expect(existsSync(`${path}.weights`)).toBe(false);
  return { model, path };
}

/** RGB, one after the other. */
function images({ card }: Model): Uint8Array {
  const bytes = card.architecture.inputSize ** 2 * 3;
  return Uint8Array.from({ length: IMAGES * bytes }, (_, i) => Math.imul(i, 2654435761) >>> 24);
}

/** What this tool makes of the images, by layer. */
async function ours(model: Model, layers: readonly string[]): Promise<readonly (readonly number[])[]> {
  const outputs = layers.map((layer) => ({ kind: 'layer', layer }) as const);
  const session = await Session.open({ model, precision: 'f32', outputs });
  try {
    const results = session.run(images(model).buffer as ArrayBuffer, IMAGES);
    return layers.map((layer) => Array.from(output(results, layer).data));
  } finally {
    session.close();
  }
}

function relativeError(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const magnitude = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((actual[i] ?? Number.NaN) - value))) / magnitude;
}

describe('exportKeras', () => {
  it('writes what is read here as it was', async () => {
    const { model, path } = await exported(['fc8']);
    const again = await openModel(path, options);
    expect(again.card).toEqual(model.card);
    for (const { name } of weightLayersOf(model.card.architecture)) {
      expect(await readLayer(again, name, 'hwio/hwc')).toEqual(await readLayer(model, name, 'hwio/hwc'));
    }
  });

  it('refuses a precision that Keras does not keep weights in', async () => {
    const model = await openModel(SOURCE, options);
    for (const dtype of ['f16', 'bf16'] as const) {
      const path = target();
      const error = await failure(exportKeras(model, path, { outputs: ['fc8'], dtype }));
      expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
      expect(existsSync(path)).toBe(false);
    }
  });

  it('reports a place that cannot be written as the system does', async () => {
    const model = await openModel(SOURCE, options);
    const work = exportKeras(model, join(folder, 'missing', 'x.keras'), { outputs: ['fc8'], dtype: 'f32' });
    await expect(work).rejects.toMatchObject({ syscall: expect.any(String) });
  });
});

const interpreter = python(['keras']);

/** Each is one model. */
const OUTPUTS: readonly (readonly string[])[] = [['fc8'], ['fc7', 'fc8'], ['pool5'], ['conv1_2', 'fc6', 'fc8']];

describe.skipIf(interpreter === undefined)('keras.models.load_model', () => {
  let model: Model;
  let result: KerasRuns;
  beforeAll(async () => {
    const files = [];
    for (const outputs of OUTPUTS) files.push(await exported(outputs));
    model = (files[0] as { readonly model: Model }).model;
    result = runKeras(
      interpreter,
      files.map(({ path }) => path),
      model,
      images(model),
    );
  }, 180_000);

  it('opens them without a warning', () => {
    expect(result.warnings).toBe('');
  });

  it.each(OUTPUTS.map((outputs, i) => [outputs, i] as const))('gives our %s', async (outputs, i) => {
    const { values, names } = result.runs[i] as KerasRun;
    expect(names).toEqual(outputs.map(kerasName));
    const expected = await ours(model, outputs);
    expected.forEach((layer, n) => {
      expect(relativeError(values[n] ?? [], layer)).toBeLessThan(TOLERANCE);
    });
  });
});

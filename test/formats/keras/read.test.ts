/** Files of Keras against what Keras made of them: fixtures/formats/make_keras.py. */

import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Session } from '../../../src/engine/session.js';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { RunError } from '../../../src/errors.js';
import { readWeightFile } from '../../../src/formats/open.js';
import { type OpenOptions, openModel } from '../../../src/models/open.js';
import { output } from '../../engine/reference.js';
import { many } from '../../soak.js';
import { eachFlip, failure, storedZip, temporaryFolder, write } from '../files.js';

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const format = (name: string): string => fileURLToPath(new URL(`../../../fixtures/formats/${name}`, import.meta.url));

interface Expected {
  readonly inputSize: number;
  /** One row an image. */
  readonly logits: readonly (readonly number[])[];
}

const { files } = JSON.parse(readFileSync(format('keras.json'), 'utf8')) as {
  readonly files: Readonly<Record<string, Expected>>;
};

/** max |difference| over the largest magnitude. */
const TOLERANCE = 1e-5;

const open = (path: string, more: Partial<OpenOptions> = {}) =>
  openModel(path, { seed: 0, cacheDir: tmpdir(), env: {}, ...more });

/** Those that say how their images are prepared, by Keras's own names or in the network: they take no --preset. */
const KNOWN = new Set(['keras-legacy-notop.h5', 'keras-scaled.keras']);

/** make_keras.py's images, one after the other. */
function images(count: number, size: number): ArrayBuffer {
  return Uint8Array.from({ length: count * size * size * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24).buffer;
}

describe.each(Object.keys(files))('%s', (name) => {
  it("gives Keras's logits", async () => {
    const { inputSize, logits } = files[name] as Expected;
    const preset = KNOWN.has(name) ? {} : ({ preset: 'keras' } as const);
    const model = await open(format(name), preset);
    const { architecture } = model.card;
    const layer = architecture.classifier === null ? 'pool5' : 'fc8';
    // Without classifier a base takes any input; the card says 224.
    const sized = { ...model, card: { ...model.card, architecture: { ...architecture, inputSize } } };
    const session = await Session.open({
      model: architecture.classifier === null ? sized : model,
      precision: 'f32',
      outputs: [{ kind: 'layer', layer }],
    });
    try {
      const { data } = output(session.run(images(logits.length, inputSize), logits.length), layer);
      const expected = logits.flat();
      expect(data.length).toBe(expected.length);
      const magnitude = Math.max(...expected.map(Math.abs));
      const difference = Math.max(...expected.map((value, i) => Math.abs((data[i] ?? Number.NaN) - value)));
      expect(difference / magnitude).toBeLessThan(TOLERANCE);
    } finally {
      session.close();
    }
  });
});

describe('files of Keras', () => {
  it('are told apart from others by what they hold, whatever their names', async () => {
    for (const name of ['keras.keras', 'keras-model.h5', 'keras.weights.h5', 'keras-legacy.h5']) {
      const path = write(folder, 'weights.bin', readFileSync(format(name)));
      expect((await readWeightFile(path)).format, name).toBe('keras');
    }
  });

  it('say the size of their input where they have a configuration', async () => {
    expect((await readWeightFile(format('keras-70.keras'))).inputSize).toBe(70);
    expect((await readWeightFile(format('keras2-tuned.h5'))).inputSize).toBe(64);
    expect((await readWeightFile(format('keras.weights.h5'))).inputSize).toBeUndefined();
    expect((await open(format('keras-70.keras'), { preset: 'keras' })).card.architecture.inputSize).toBe(70);
  });

  it('need no preset as a base with the names of Keras, and one otherwise', async () => {
    expect((await open(format('keras-legacy-notop.h5'))).card.preset.name).toBe('keras');
    expect(await failure(open(format('keras-legacy-notop.h5'), { preset: 'torchvision' }))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining("Keras's"),
    });
    expect(await failure(open(format('keras.keras')))).toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('preset'),
    });
  });

  it('list their tensors', async () => {
    const { tensors } = await readWeightFile(format('keras2-tuned.h5'));
    expect(tensors.find(({ name }) => name === 'vgg16/block1_conv1/kernel:0')).toMatchObject({
      shape: [3, 3, 3, 3],
      dtype: 'float32',
    });
    // 13 convolutions, three dense layers of which one has no bias, and normalisations with 4, 4 and 3 vectors.
    expect(tensors.length).toBe(26 + 5 + 11);
  });

  it('are refused where a member is compressed, with what to do', async () => {
    const error = await failure(open(format('keras-deflated.keras'), { preset: 'keras' }));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5, hint: expect.stringContaining('zip -0') });
    expect(error.message).toContain('"model.weights.h5"');
  });

  it.each([
    ['keras-global.keras', 'is a "GlobalAveragePooling2D", which VGG-16 does not have'],
    ['hdf5-small.h5', 'with neither layer_names nor layers'],
  ])('are refused where they are no VGG-16: %s', async (name, message) => {
    const error = await failure(open(format(name), { preset: 'keras' }));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(error.message).toContain(message);
  });

  it.each([
    ['no JSON', { 'config.json': Buffer.from('{') }, 'it is not valid JSON'],
    ['no weights', { 'config.json': Buffer.from('{}') }, 'its record "model.weights.h5" is missing'],
    [
      'weights that are no HDF5',
      { 'config.json': Buffer.from('{}'), 'model.weights.h5': Buffer.from('x'.repeat(9000)) },
      'libhdf5 cannot open it',
    ],
  ])('are refused with %s', async (_, records, message) => {
    const error = await failure(open(write(folder, 'x.keras', storedZip(records))));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(error.message).toContain(message);
  });
});

/** Bytes changed in each file, one at a time; hdf5.test.ts changes more. */
const FLIPS = many(100);

/** A model, or an error of ours in one line. */
async function survives(path: string): Promise<'opened' | 'refused'> {
  try {
    await open(path, { preset: 'keras' });
    return 'opened';
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    expect(error.message).toMatch(/^\P{Cc}{10,1000}\.$/u);
    return 'refused';
  }
}

describe.each(['keras-tuned.keras', 'keras2-tuned.h5', 'keras-gzip.h5', 'keras-legacy.h5'])('damage to %s', (name) => {
  const bytes = readFileSync(format(name));

  it('is refused wherever the file is cut off', async () => {
    for (let part = 0; part < 100; part++) {
      const cut = bytes.subarray(0, Math.floor((bytes.length * part) / 100));
      expect(await survives(write(folder, `cut-${name}`, cut)), `${part} %`).toBe('refused');
    }
  });

  it(`ends in a model or in a clear error for ${FLIPS} bytes changed`, { timeout: 120_000 }, async () => {
    const path = write(folder, name, bytes);
    await eachFlip(path, bytes, FLIPS, async () => {
      await survives(path);
    });
    expect(await survives(path)).toBe('opened');
  });
});

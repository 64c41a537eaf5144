/** SavedModels against what TensorFlow made of them: fixtures/formats/make_tf.py. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configureTensorFlow } from '../../../src/engine/tensorflow.js';
import { readWeightFile } from '../../../src/formats/open.js';
import { readTable } from '../../../src/formats/savedmodel/sstable.js';
import { FLIPS, failure, temporaryFolder } from '../files.js';
import { difference, expectedOf, expectRefusedWhenCut, expectSurvived, open, unpacked } from '../folders.js';

/** Bytes changed in each file: each opens a whole model. */
const FLIPS_EACH = FLIPS / 20;

configureTensorFlow({ threads: 2 });

const folder = temporaryFolder();
const files = expectedOf('tf.json');

/** The one that has its preprocessing in its graph. */
const PREPARED = 'savedmodel-v1';

it.each(Object.entries(files))("%s gives TensorFlow's logits", async (name, expected) => {
  const preset = name === PREPARED ? undefined : 'keras';
  expect(await difference(unpacked(folder, name), expected, preset)).toBeLessThan(1e-5);
});

describe('SavedModels', () => {
  it('name their variables as the program did, each once', async () => {
    for (const name of ['savedmodel-export', 'savedmodel-saved', 'savedmodel-keras2']) {
      const { format, inputSize, tensors } = await readWeightFile(unpacked(folder, name));
      expect({ format, inputSize }, name).toEqual({ format: 'savedmodel', inputSize: 64 });
      expect(tensors.map((tensor) => tensor.name).sort(), name).toEqual(
        expect.arrayContaining(['block1_conv1/kernel', 'block5_conv3/bias', 'predictions/kernel']),
      );
      expect(tensors, name).toHaveLength(32);
    }
  });

  it('say by their own graph how images are prepared', async () => {
    const { card } = await open(unpacked(folder, PREPARED));
    expect(card.preset).toMatchObject({ channels: 'RGB', divisor: 1 });
    expect(card.preset.mean.map((value) => Math.round(value * 1000))).toEqual([123680, 116779, 103939]);
    expect((await failure(open(unpacked(folder, PREPARED), { preset: 'keras' }))).code).toBe('USAGE');
  });

  it('need their variables, and a preset where nothing says it', async () => {
    const path = unpacked(folder, 'savedmodel-export', 'without');
    expect((await failure(open(path))).code).toBe('USAGE');
    rmSync(join(path, 'variables', 'variables.data-00000-of-00001'));
    expect((await failure(open(path, { preset: 'keras' }))).message).toContain('is missing or unreadable');
    rmSync(join(path, 'variables'), { recursive: true });
    expect((await failure(open(path, { preset: 'keras' }))).message).toContain('is no stored tensor');
  });

  it('are no models without a graph for serving', async () => {
    const path = join(folder, 'empty');
    mkdirSync(path);
    for (const [bytes, expected] of [
      ['', 'tag serve'],
      ['\x08\x01', 'tag serve'],
      ['\xff\xff\xff', 'truncated'],
    ] as const) {
      writeFileSync(join(path, 'saved_model.pb'), bytes, 'latin1');
      expect((await failure(open(path))).message, expected).toContain(expected);
    }
  });
});

describe('damaged SavedModels', () => {
  it('are refused wherever one of their files is cut off', { timeout: 60_000 }, async () => {
    for (const name of ['savedmodel-saved', 'savedmodel-frozen']) {
      await expectRefusedWhenCut(unpacked(folder, name, `cut-${name}`), 'saved_model.pb');
    }
    const path = unpacked(folder, 'savedmodel-saved', 'cut-variables');
    await expectRefusedWhenCut(path, 'variables/variables.index');
    await expectRefusedWhenCut(path, 'variables/variables.data-00000-of-00001');
  });

  it.each(['savedmodel-frozen', 'savedmodel-saved'])(
    `open or say what is wrong for ${FLIPS_EACH} bytes changed in the graph: %s`,
    { timeout: 600_000 },
    async (name) => {
      await expectSurvived(unpacked(folder, name, `flip-${name}`), 'saved_model.pb', FLIPS_EACH);
    },
  );

  it(`open or say what is wrong for ${FLIPS_EACH} bytes changed in the index`, { timeout: 600_000 }, async () => {
    const path = unpacked(folder, 'savedmodel-saved', 'flip-index');
    await expectSurvived(path, 'variables/variables.index', FLIPS_EACH);
  });
});

describe('readTable', () => {
  const index = () => readFileSync(join(unpacked(folder, 'savedmodel-v1'), 'variables', 'variables.index'));

  it('gives keys in order, the beginning that they share put back', () => {
    const keys = readTable(index(), 'x', 100).map(({ key }) => key);
    expect(keys[0]).toBe('');
    expect(keys.slice(1, 4)).toEqual(['conv1_1/biases', 'conv1_1/weights', 'conv1_2/biases']);
    expect(keys).toEqual([...keys].sort());
    expect(keys).toHaveLength(33);
  });

  it('takes no more entries than it may', () => {
    expect(() => readTable(index(), 'x', 32)).toThrow('more than 32 entries');
  });
});

/** The full-size network as PyTorch, Keras and ONNX write it: the logits of each framework, to the last digits. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../src/engine/session.js';
import { configureTensorFlow } from '../../src/engine/tensorflow.js';
import { openModel } from '../../src/models/open.js';
import { testImages } from '../engine/reference.js';
import { python } from '../python.js';

configureTensorFlow({ threads: 2 });

const SCRIPT = fileURLToPath(new URL('../../fixtures/formats/make_full_size.py', import.meta.url));

/** Images of the script. */
const IMAGES = 2;

/** Three frameworks start, and write 2 GB. */
const MAKE_MS = 600_000;

/** max |difference| over the largest magnitude. */
const TOLERANCE = 1e-5;

const frameworks = python(['torch', 'torchvision', 'keras', 'onnx', 'onnxruntime']);

interface Written {
  readonly file: string;
  readonly logits: readonly (readonly number[])[];
}

describe.skipIf(frameworks === undefined)('full-size files (skipped without PyTorch, Keras, ONNX Runtime)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-full-'));
  let written: readonly Written[] = [];
  beforeAll(() => {
    const told = execFileSync(frameworks as string, [SCRIPT, folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    written = told.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Written] : []));
  }, MAKE_MS);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['torch.pth', 'torch.onnx', 'keras.h5', 'keras.keras'])(
    '%s gives the logits of its framework',
    { timeout: MAKE_MS },
    async (file) => {
      const expected = written.find((each) => each.file === file)?.logits.flat() ?? [];
      expect(expected).toHaveLength(IMAGES * 1000);
      const model = await openModel(join(folder, file), { seed: 0, cacheDir: folder, env: {} });
      expect(model.card.preset.name).toBe(file.startsWith('torch') ? 'torchvision' : 'keras');
      const session = await Session.open({ model, precision: 'f32', outputs: [{ kind: 'layer', layer: 'fc8' }] });
      try {
        const pixels = Buffer.concat(testImages(224, 1).slice(0, IMAGES));
        const { fc8 } = session.run(pixels.buffer.slice(pixels.byteOffset, pixels.byteOffset + pixels.length), IMAGES);
        const largest = Math.max(...expected.map(Math.abs));
        const worst = Math.max(...expected.map((value, i) => Math.abs(value - (fc8?.data[i] ?? Number.NaN))));
        expect(worst / largest).toBeLessThan(TOLERANCE);
      } finally {
        session.close();
        rmSync(join(folder, file)); // half a gigabyte
      }
    },
  );
});

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../../src/services/model/inspect.js';
import { failure, modelFixture, temporaryFolder } from '../../formats/files.js';

const open = { seed: 0, cacheDir: temporaryFolder(), env: {} };

describe('inspectModel', () => {
  it("describes the notebook's network for any number of classes where no model is named", async () => {
    const plain = await inspectModel({ model: undefined, open });
    expect(plain.summary.parameters).toBe(138_357_544);
    expect(plain.model).toBeNull();
    // The last layer alone differs: 4096 inputs and a bias for each class.
    const ten = await inspectModel({ model: undefined, open: { ...open, numClasses: 10 } });
    expect(ten.summary.parameters).toBe(138_357_544 - 990 * 4097);
  });

  it('gives the card and the hash of a file, the second time from memory', async () => {
    const path = modelFixture('slim-timm.safetensors');
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    for (let time = 0; time < 2; time++) {
      const { model, architecture } = await inspectModel({ model: path, open });
      expect(model).toMatchObject({ name: 'slim-timm', labels: null, file: { path, sha256 } });
      expect(model?.preset.name).toBe('torchvision');
      expect(architecture.classifier?.classes).toBe(7);
    }
  });

  it('has no file for random weights, and fails as opening does', async () => {
    expect((await inspectModel({ model: 'random', open })).model?.file).toBeNull();
    expect((await failure(inspectModel({ model: 'nothing', open }))).exitCode).toBe(5);
  });
});

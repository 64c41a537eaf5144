/** What int8 costs on the real network, over photographs that the project may not ship. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { realData } from '../data.js';
import { temporaryFolder } from './helpers/folder.js';
import { vgg16 } from './helpers/program.js';

const root = temporaryFolder();

vi.setConfig({ testTimeout: 300_000 });

const DATA = realData('data') ?? '';

describe.skipIf(DATA === '')('the real convolutional base of ImageNet', () => {
  it('keeps a cosine of 0.998 in pool5 in the mean and 0.995 at worst, on photos that it was not calibrated with', async () => {
    const photos = readdirSync(join(DATA, 'photos')).sort();
    const some = (from: number) =>
      photos
        .filter((_, i) => i % 4 === from)
        .slice(0, 40)
        .map((name) => join(DATA, 'photos', name));
    const words = [
      ...['model', 'quantize', join(DATA, 'vgg16-imagenet-conv.safetensors'), '--preset', 'caffe', '--json'],
      ...['--calibrate', ...some(0), '--check', ...some(2), '-o', 'base.safetensors'],
    ];
    const { code, stdout, stderr } = await vgg16(words, { cwd: root, env: { VGG16_CACHE_DIR: join(root, 'cache') } });
    expect(code, stderr).toBe(0);
    const { cost, calibrated, features, bytes } = JSON.parse(stdout.toString());
    expect({ calibrated, features, checked: cost.images }).toEqual({ calibrated: 40, features: 'pool5', checked: 40 });
    expect(cost.cosine.mean).toBeGreaterThanOrEqual(0.998);
    expect(cost.cosine.worst).toBeGreaterThanOrEqual(0.995);
    expect(bytes).toBeLessThan(0.51 * 2 * 14_714_688); // of bf16
  });
});

/** The library's options: the command's defaults, and words for what cannot be used. */

import { expect, test } from 'vitest';
import { layersOf } from '../../src/cli/extract.js';
import { classifyFlags } from '../../src/cli/flags/classify.js';
import { layerFlags } from '../../src/cli/flags/extract.js';
import { inputFlags } from '../../src/cli/flags/input.js';
import { imageFlags, modelFlags } from '../../src/cli/flags/model.js';
import { runFlags } from '../../src/cli/flags/run.js';
import { checkedTop } from '../../src/library/classify.js';
import { layerRequest } from '../../src/library/extract.js';
import { DEFAULTS, defaultCacheDir, defaultOffline, withDefaults } from '../../src/library/options.js';

/** Flags by the names of the options that mean the same. */
const FLAGS = {
  model: modelFlags.model,
  precision: runFlags.precision,
  threads: runFlags.threads,
  batchSize: runFlags['batch-size'],
  workers: runFlags.workers,
  autoOrient: imageFlags['auto-orient'],
  decode: imageFlags.decode,
  maxPixels: runFlags['max-pixels'],
  recursive: inputFlags.recursive,
  extensions: inputFlags.ext,
  followSymlinks: inputFlags['follow-symlinks'],
  topK: classifyFlags['top-k'],
  threshold: classifyFlags.threshold,
  activation: layerFlags.activation,
  pool: layerFlags.pool,
  normalize: layerFlags.normalize,
};

test.each(Object.entries(FLAGS))('%s has the default of its flag', (name, flag) => {
  expect(DEFAULTS[name as keyof typeof DEFAULTS]).toEqual(flag.default);
});

test('the layer is the one of the command without --layer', () => {
  const flags = { activation: 'post', pool: 'avg', normalize: 'none', dtype: 'f32' } as const;
  expect([layerRequest({})]).toEqual(layersOf(flags));
});

test('what is given as undefined has its default', () => {
  expect(withDefaults({ topK: undefined, threshold: 0.5 })).toMatchObject({ topK: 5, threshold: 0.5 });
});

test.each([
  [() => checkedTop({ topK: 0 }), 'Expected a whole number from 1 as topK but received 0.'],
  [() => checkedTop({ topK: 'all' as never }), 'Expected a whole number from 1 as topK but received all.'],
  [() => checkedTop({ threshold: 2 }), 'Expected a number from 0 to 1 as threshold but received 2.'],
  [() => checkedTop({ threshold: Number.NaN }), 'Expected a number from 0 to 1 as threshold but received NaN.'],
  [() => layerRequest({ layer: 'fc9' }), 'Expected a layer such as fc7, pool5 or conv5_3'],
  [() => layerRequest({ pool: 'sum' as never }), 'Expected none, avg, max as pool but received sum.'],
])('an option that cannot be used is told by its name', (use, message) => {
  expect(use).toThrow(message);
});

test("the cache is the command's", () => {
  expect(defaultCacheDir({ VGG16_CACHE_DIR: '/cache' })).toBe('/cache');
  expect(defaultCacheDir({ XDG_CACHE_HOME: '/xdg', HOME: '/home/ada' }, 'linux')).toBe('/xdg/vgg16');
  expect(defaultCacheDir({ HOME: '/home/ada' }, 'linux')).toBe('/home/ada/.cache/vgg16');
  expect(defaultCacheDir({ HOME: '/Users/ada' }, 'darwin')).toBe('/Users/ada/Library/Caches/vgg16');
});

test('VGG16_OFFLINE counts here, too', () => {
  expect(defaultOffline({ VGG16_OFFLINE: 'Yes' })).toBe(true);
  expect(defaultOffline({ VGG16_OFFLINE: '0' })).toBe(false);
  expect(defaultOffline({})).toBe(false);
});

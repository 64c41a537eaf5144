/** From a model's name to what opening it needs; weights that are not on this machine are downloaded first. */

import { usageError } from '../errors.js';
import type { OpenOptions } from '../models/open.js';
import { checkOneOf, checkWhole, DEFAULTS, defaultCacheDir, defaultOffline, type ModelOptions } from './options.js';

/** Seeds have 32 bits. */
const MAX_SEED = 2 ** 32 - 1;

/** Throws USAGE for options that cannot be used, and what `pullModel` throws. */
export async function openOptions(
  model: string,
  options: ModelOptions,
  onNotice?: (message: string) => void,
): Promise<OpenOptions> {
  checkModelOptions(options);
  const { labels, preset, seed = DEFAULTS.seed, numClasses } = options;
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  await ensureWeights(model, cacheDir, options, onNotice);
  return {
    seed,
    ...(numClasses === undefined ? {} : { numClasses }),
    ...(labels === undefined ? {} : { labels }),
    ...(preset === undefined ? {} : { preset }),
    cacheDir,
  };
}

function checkModelOptions({ preset, seed, numClasses, precision, threads }: ModelOptions): void {
  checkOneOf('preset', preset, ['torchvision', 'keras', 'caffe']);
  checkOneOf('precision', precision, ['f32', 'bf16', 'int8', 'auto']);
  checkWhole('seed', seed, 0);
  if (seed !== undefined && seed > MAX_SEED) {
    throw usageError(`Expected at most ${MAX_SEED} as seed but received ${seed}.`);
  }
  checkWhole('numClasses', numClasses, 1);
  checkWhole('threads', threads, 1, { auto: true });
}

async function ensureWeights(
  name: string,
  cacheDir: string,
  { offline = defaultOffline(), weightsUrl, signal }: ModelOptions,
  onNotice: ((message: string) => void) | undefined,
): Promise<void> {
  const { needsPull, pullModel } = await import('../services/model/pull.js');
  if (!(await needsPull(name, cacheDir))) return;
  if (!offline) onNotice?.(`The weights ${name} are not on this machine and are downloaded.`);
  const events = pullModel({
    name,
    cacheDir,
    offline,
    ...(weightsUrl === undefined ? {} : { weightsUrl }),
    ...(signal === undefined ? {} : { signal }),
  });
  while (!(await events.next()).done);
}

/** The model group's flags → what opening a model needs. */

import { readFile } from 'node:fs/promises';
import { usageError } from '../../errors.js';
import type { OpenOptions } from '../../models/open.js';
import type { PresetName } from '../../network/preset.js';
import { reasonOf } from '../../output/sink.js';
import { textOf } from '../command/text-file.js';
import { ensureWeights, type NetworkFlags } from './download.js';

export interface ModelFlags extends NetworkFlags {
  readonly model: string;
  readonly labels?: string | undefined;
  readonly preset?: PresetName | undefined;
  readonly seed?: number | undefined;
  readonly 'num-classes'?: number | undefined;
}

/** Known weights that are not on this machine are downloaded first, until `signal` ends that. */
export async function openOptions(flags: ModelFlags, cacheDir: string, signal?: AbortSignal): Promise<OpenOptions> {
  if (flags.seed !== undefined && flags.model !== 'random') {
    throw usageError(`Expected --model random with --seed but received --model ${flags.model}.`);
  }
  const numClasses = flags['num-classes'];
  const labels = flags.labels === undefined ? undefined : await readLabels(flags.labels);
  await ensureWeights(flags.model, flags, cacheDir, signal);
  return {
    seed: flags.seed ?? DEFAULT_SEED,
    ...(numClasses === undefined ? {} : { numClasses }),
    ...(labels === undefined ? {} : { labels }),
    ...(flags.preset === undefined ? {} : { preset: flags.preset }),
    cacheDir,
  };
}

/** Of --model random when --seed is not given. */
const DEFAULT_SEED = 0;

async function readLabels(file: string): Promise<readonly string[]> {
  const { parseLabels } = await import('../../models/labels.js');
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'it does not exist' : reasonOf(error);
    throw usageError(`Expected to read labels from ${file} for --labels but ${reason}.`);
  });
  return parseLabels(textOf(bytes, file, 'labels'), file);
}

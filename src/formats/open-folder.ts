/** Models that are folders: TensorFlow's SavedModels, and TensorFlow.js's, which may also be named by their model.json. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isFile } from '../exists.js';
import { withFile } from './shared/random-access-file.js';
import { SAVED_MODEL_FILE, TFJS_FILE } from './shared/signatures.js';
import type { WeightFile } from './shared/weight-file.js';

/** `undefined` where `path` is no folder, or one of neither kind. */
export async function readModelFolder(path: string): Promise<WeightFile | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return undefined;
  if (await isFile(join(path, SAVED_MODEL_FILE)))
    return await (await import('./savedmodel/read.js')).readSavedModel(path);
  if (!(await isFile(join(path, TFJS_FILE)))) return undefined;
  return await withFile(join(path, TFJS_FILE), (await import('./tfjs/read.js')).readTfjs);
}

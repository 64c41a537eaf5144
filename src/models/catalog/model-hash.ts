/** The hash of a model's weights, in however many files they lie. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { exists } from '../../exists.js';
import { SAVED_MODEL_FILE, TFJS_FILE } from '../../formats/shared/signatures.js';
import type { Model } from '../../network/card.js';
import type { Place, TensorSource } from '../../network/tensors.js';
import { rememberedHash } from './file-hash.js';

/**
 * In hex; `null` for generated weights. Of one file it is the file's own sha256; of several (shards, external data, a
 * SavedModel) that of a line `name hash` for each, in the order of the names. The same wherever the files lie.
 */
export async function modelHash(model: Model, cacheDir: string): Promise<string | null> {
  if (model.file === null) return null;
  const files = await filesOf(model.file.path, model);
  const [only] = files;
  if (files.length === 1 && only !== undefined) return await rememberedHash(only, cacheDir);
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${basename(file)} ${await rememberedHash(file, cacheDir)}\n`);
  return hash.digest('hex');
}

async function filesOf(path: string, { weights }: Model): Promise<readonly string[]> {
  const files = new Set([await mainFile(path)]);
  for (const { kernel, bias } of Object.values(weights)) {
    for (const source of [kernel, bias]) for (const file of sourceFiles(source)) files.add(file);
  }
  return [...files].sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
}

/** The file that says what the others hold. */
async function mainFile(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return path;
  const saved = join(path, SAVED_MODEL_FILE);
  return (await exists(saved)) ? saved : join(path, TFJS_FILE);
}

function sourceFiles(source: TensorSource): readonly string[] {
  switch (source.kind) {
    case 'stored':
      return placeFiles(source.place);
    case 'scaled':
      return sourceFiles(source.of);
    case 'shifted':
      return [...sourceFiles(source.bias), ...sourceFiles(source.kernel)];
    case 'values':
    case 'random':
      return [];
  }
}

function placeFiles(place: Place): readonly string[] {
  return place.kind === 'pieces' || place.kind === 'quantized' ? place.pieces.map(({ file }) => file) : [place.file];
}

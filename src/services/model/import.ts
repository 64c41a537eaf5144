/** Read a weight file of any format and write it as this tool's own, which opens fastest and says all about itself. */

import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import type { Model, ModelCard } from '../../model/card.js';
import { writeModelFile } from '../../model/export/safetensors.js';
import { hashFile } from '../../model/hash.js';
import { type OpenOptions, openModel } from '../../model/open.js';
import type { TensorSource, WeightType } from '../../model/tensors.js';

export interface ImportOptions {
  /** A known name or a weight file of any format. */
  readonly model: string;
  readonly open: OpenOptions;
  /** The file to write; one that is there is replaced in one step. */
  readonly output: string;
  /** What is known of the weights beyond what their file says. */
  readonly card?: Partial<ModelCard>;
}

export interface ImportedModel {
  readonly card: ModelCard;
  readonly path: string;
  /** In hex. */
  readonly sha256: string;
}

/** Throws as `openModel` does, and leaves nothing behind then. */
export async function importModel({
  model: name,
  open,
  output,
  card: more = {},
}: ImportOptions): Promise<ImportedModel> {
  const model = await openModel(name, open);
  const card = { ...model.card, ...more };
  const partial = `${output}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await writeModelFile(model, card, partial, storedType(model));
    const sha256 = await hashFile(partial);
    await rename(partial, output);
    return { card, path: output, sha256 };
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** The type that keeps all values: the file's own where it is one of 16 bits for all tensors. */
function storedType({ weights }: Model): 'f32' | 'f16' | 'bf16' {
  const types = new Set(Object.values(weights).flatMap(({ kernel, bias }) => [typeOf(kernel), typeOf(bias)]));
  const [only] = types;
  return types.size === 1 && (only === 'f16' || only === 'bf16') ? only : 'f32';
}

function typeOf(source: TensorSource): WeightType {
  return source.kind === 'stored' && source.place.kind !== 'quantized' ? source.place.type : 'f32';
}

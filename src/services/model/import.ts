/** Read a weight file of any format and write it as this tool's own, which opens fastest and says all about itself. */

import { writeModelFile } from '../../formats/safetensors/write.js';
import { hashFile } from '../../models/catalog/file-hash.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import type { Model, ModelCard } from '../../network/card.js';
import type { TensorSource, WeightType } from '../../network/tensors.js';
import { writeWhole } from '../../output/files/draft.js';

export interface ImportOptions {
  /** A known name or a weight file of any format. */
  readonly model: string;
  readonly open: OpenOptions;
  /** The file to write. */
  readonly output: string;
  /** Replace a file that is there, in one step. */
  readonly replace: boolean;
  /** What is known of the weights beyond what their file says. */
  readonly card?: Partial<ModelCard>;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportedModel {
  readonly card: ModelCard;
  readonly path: string;
  /** In hex. */
  readonly sha256: string;
}

/** Throws as `openModel` does, the signal's reason when aborted, and leaves nothing behind then. */
export async function importModel(options: ImportOptions): Promise<ImportedModel> {
  const { output, replace, signal } = options;
  const model = await openModel(options.model, options.open);
  const card = { ...model.card, ...options.card };
  const sha256 = await writeWhole(output, { replace, signal }, async (path) => {
    await writeModelFile(model, card, path, storedType(model), signal);
    return await hashFile(path);
  });
  return { card, path: output, sha256 };
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

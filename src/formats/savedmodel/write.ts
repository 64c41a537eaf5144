/**
 * Writes a TensorFlow SavedModel: its graph, its variables, which TensorFlow itself saves, and the card in `assets.extra`.
 * `tf.saved_model.load` and TensorFlow Serving open it. https://www.tensorflow.org/guide/saved_model
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Model } from '../../network/card.js';
import { DType } from '../../network/graph/builder.js';
import type { WeightPart } from '../../network/tensors.js';
import { CARD_RECORD, cardMetadata } from '../card/metadata.js';
import type { ExportDType, ExporterOptions } from '../export/options.js';
import { SAVED_MODEL_FILE } from '../shared/signatures.js';
import { EXTRA_ASSETS } from './read.js';
import { servingGraph, variableName } from './write-serving-graph.js';

const DTYPES: Readonly<Record<ExportDType, DType>> = { f32: DType.float32, f16: DType.half, bf16: DType.bfloat16 };

/** How the variables are saved. */
export interface Checkpoint {
  /** Path that the files `….index` and `….data-00000-of-00001` begin with. */
  readonly prefix: string;
  readonly dtype: DType;
  /** A variable's name in the checkpoint. */
  readonly nameOf: (layer: string, part: WeightPart) => string;
  readonly signal: AbortSignal | undefined;
}

/** Saves a model's weights as a checkpoint. The engine does it: only TensorFlow writes its own format. */
export type SaveVariables = (model: Model, checkpoint: Checkpoint) => Promise<void>;

/** Throws a RunError on a weight that is not a number. */
export async function exportSavedmodel(
  model: Model,
  path: string,
  { outputs, dtype, signal }: ExporterOptions,
  saveVariables: SaveVariables,
): Promise<void> {
  await mkdir(join(path, 'variables'), { recursive: true });
  await mkdir(join(path, EXTRA_ASSETS));
  const prefix = join(resolve(path), 'variables', 'variables');
  await saveVariables(model, { prefix, dtype: DTYPES[dtype], nameOf: variableName, signal });
  const graph = servingGraph(model.card, outputs, DTYPES[dtype]);
  await writeFile(join(path, SAVED_MODEL_FILE), graph);
  const card = JSON.stringify(cardMetadata(model.card));
  await writeFile(join(path, EXTRA_ASSETS, CARD_RECORD), card);
}

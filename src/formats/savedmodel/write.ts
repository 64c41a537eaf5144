/**
 * Writes a TensorFlow SavedModel: its graph, its variables, which TensorFlow itself saves, and the card in `assets.extra`.
 * `tf.saved_model.load` and TensorFlow Serving open it. https://www.tensorflow.org/guide/saved_model
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { storedForms } from '../../engine/compile.js';
import { NativeGraph } from '../../engine/native-graph.js';
import { WeightLoader } from '../../engine/weight-loader.js';
import { weightLayersOf } from '../../network/architecture.js';
import type { Model } from '../../network/card.js';
import { DType, GraphBuilder, type Node } from '../../network/graph/builder.js';
import type { Feed } from '../../network/graph/feed.js';
import { type SavedVariable, save } from '../../network/graph/saver.js';
import { layerVariables } from '../../network/graph/variables.js';
import { CARD_RECORD, cardMetadata } from '../card/text.js';
import { writeError } from '../export/foreign-error.js';
import type { ExportDType, ExportOptions } from '../export/options.js';
import { SAVED_MODEL_FILE } from '../shared/signatures.js';
import { EXTRA_ASSETS } from './read.js';
import { servingGraph, variableName } from './write-graph.js';

const DTYPES: Readonly<Record<ExportDType, DType>> = { f32: DType.float32, f16: DType.half, bf16: DType.bfloat16 };

/** Throws a RunError on a weight that is not a number. */
export async function exportSavedmodel(model: Model, path: string, options: ExportOptions): Promise<void> {
  const { outputs, dtype, signal } = options;
  await mkdir(join(path, 'variables'), { recursive: true });
  await mkdir(join(path, EXTRA_ASSETS));
  await writeVariables(model, join(resolve(path), 'variables', 'variables'), DTYPES[dtype], signal);
  const graph = servingGraph(model.card, outputs, DTYPES[dtype]);
  await writeFile(join(path, SAVED_MODEL_FILE), graph);
  const card = JSON.stringify(cardMetadata(model.card));
  await writeFile(join(path, EXTRA_ASSETS, CARD_RECORD), card);
}

/** A checkpoint at `prefix`: the files `….index` and `….data-00000-of-00001`. */
async function writeVariables(
  model: Model,
  prefix: string,
  dtype: DType,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { savedModel, feeds, path, saved } = savingGraph(model, dtype);
  const loader = new WeightLoader(model, feeds);
  try {
    const graph = NativeGraph.open(savedModel);
    try {
      await loader.assign(graph);
      signal?.throwIfAborted();
      runSaving(graph, { [path]: prefix }, saved, prefix);
    } finally {
      graph.close();
    }
  } finally {
    await loader.close();
  }
}

/** Throws what the disk refuses as an error of the system. */
function runSaving(graph: NativeGraph, feeds: Readonly<Record<string, string>>, saved: Node, prefix: string): void {
  try {
    graph.run(feeds, [saved]);
  } catch (error) {
    throw writeError('TensorFlow', prefix, error);
  }
}

interface SavingGraph {
  /** The bytes of a `saved_model.pb`. */
  readonly savedModel: Uint8Array;
  readonly feeds: readonly Feed[];
  /** Takes where to save. */
  readonly path: Node;
  /** Gives the path once the variables are saved. */
  readonly saved: Node;
}

/** A graph that is filled, and then writes its variables. */
function savingGraph({ card, weights }: Model, dtype: DType): SavingGraph {
  const g = new GraphBuilder();
  const { stored } = storedForms({ weights, file: null });
  // The served graph turns images round, not the first kernel.
  const preset = { ...card.preset, channels: 'RGB' as const };
  const { architecture } = card;
  const layers = weightLayersOf(architecture).map(({ name }) => {
    return { name, ...layerVariables(g, { layer: name, dtype, architecture, preset, stored, file: undefined }) };
  });
  const variables = layers.flatMap(({ name, kernel, bias }): SavedVariable[] => [
    { name: variableName(name, 'kernel'), read: kernel, dtype },
    { name: variableName(name, 'bias'), read: bias, dtype },
  ]);
  const path = g.node('Placeholder', 'path', [], { dtype: { type: DType.string }, shape: { shape: [] } });
  const saved = save(g, path, variables);
  return { savedModel: g.savedModel({}), feeds: layers.flatMap(({ feeds }) => feeds), path, saved };
}

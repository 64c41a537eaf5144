/** Saves a model's weights as TensorFlow's checkpoint: a graph is filled with them, and then writes its own variables. */

import { writeError } from '../formats/export/foreign-error.js';
import type { Checkpoint } from '../formats/savedmodel/write.js';
import { weightLayersOf } from '../network/architecture.js';
import type { Model } from '../network/card.js';
import { DType, GraphBuilder, type Node } from '../network/graph/builder.js';
import type { Feed } from '../network/graph/feed.js';
import { type SavedVariable, save } from '../network/graph/saver.js';
import { layerVariables } from '../network/graph/variables.js';
import { storedForms } from './compile.js';
import { NativeGraph } from './native-graph.js';
import { WeightLoader } from './weight-loader.js';

/**
 * Writes the two files of a checkpoint. Throws a RunError on a weight that is not a number, and what the disk refuses as an
 * error of the system.
 */
export async function saveVariables(model: Model, checkpoint: Checkpoint): Promise<void> {
  const { prefix, signal } = checkpoint;
  const { savedModel, feeds, path, saved } = savingGraph(model, checkpoint);
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

function savingGraph({ card, weights }: Model, { dtype, nameOf }: Checkpoint): SavingGraph {
  const g = new GraphBuilder();
  const { stored } = storedForms({ weights, file: null });
  // The served graph turns images round, not the first kernel.
  const preset = { ...card.preset, channels: 'RGB' as const };
  const { architecture } = card;
  const layers = weightLayersOf(architecture).map(({ name }) => {
    return { name, ...layerVariables(g, { layer: name, dtype, architecture, preset, stored, file: undefined }) };
  });
  const variables = layers.flatMap(({ name, kernel, bias }): SavedVariable[] => [
    { name: nameOf(name, 'kernel'), read: kernel, dtype },
    { name: nameOf(name, 'bias'), read: bias, dtype },
  ]);
  const path = g.node('Placeholder', 'path', [], { dtype: { type: DType.string }, shape: { shape: [] } });
  const saved = save(g, path, variables);
  return { savedModel: g.savedModel({}), feeds: layers.flatMap(({ feeds }) => feeds), path, saved };
}

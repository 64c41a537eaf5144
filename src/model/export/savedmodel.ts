/**
 * Writes a TensorFlow SavedModel: its graph, its variables, which TensorFlow itself saves, and the card in `assets.extra`.
 * `tf.saved_model.load` and TensorFlow Serving open it. https://www.tensorflow.org/guide/saved_model
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { NamedTensorMap } from '@tensorflow/tfjs-node';
import { weightLayersOf } from '../architecture.js';
import type { Model } from '../card.js';
import { CARD_RECORD, cardMetadata } from '../card-text.js';
import { DType, GraphBuilder } from '../graph/builder.js';
import { groupFeeds, type Load, loadSignature } from '../graph/loads.js';
import { type SavedVariable, save } from '../graph/saver.js';
import { layerVariables } from '../graph/variables.js';
import { layoutsOf } from '../graph/vgg.js';
import { loadTensorFlow } from '../tensorflow.js';
import { WeightLoader } from '../weight-loader.js';
import { EXTRA_ASSETS, SAVED_MODEL_FILE } from '../weights/savedmodel.js';
import type { ExportDType, ExportOptions } from './options.js';
import { servingGraph, variableName } from './savedmodel-graph.js';

const DTYPES: Readonly<Record<ExportDType, DType>> = { f32: DType.float32, f16: DType.half, bf16: DType.bfloat16 };

/** The signature that writes the variables, and its input and output. */
const SAVE = 'save';

/** Throws a RunError on a weight that is not a number. */
export async function exportSavedmodel(model: Model, path: string, { outputs, dtype }: ExportOptions): Promise<void> {
  await mkdir(join(path, 'variables'), { recursive: true });
  await mkdir(join(path, EXTRA_ASSETS));
  await writeVariables(model, join(resolve(path), 'variables', 'variables'), DTYPES[dtype]);
  const graph = servingGraph(model.card, outputs, DTYPES[dtype]);
  await writeFile(join(path, SAVED_MODEL_FILE), graph, { flush: true });
  const card = JSON.stringify(cardMetadata(model.card));
  await writeFile(join(path, EXTRA_ASSETS, CARD_RECORD), card, { flush: true });
}

/** A checkpoint at `prefix`: the files `….index` and `….data-00000-of-00001`. */
async function writeVariables(model: Model, prefix: string, dtype: DType): Promise<void> {
  const { graph, loads } = savingGraph(model, dtype);
  const loader = new WeightLoader(model, loads);
  const tf = loadTensorFlow();
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-'));
  try {
    writeFileSync(join(folder, SAVED_MODEL_FILE), graph);
    const saving = await tf.node.loadSavedModel(folder, ['serve'], SAVE);
    try {
      await loader.assign(tf, folder);
      const path = tf.scalar(prefix, 'string');
      const answers = saving.predict({ path }) as NamedTensorMap;
      tf.dispose([path, ...Object.values(answers)]);
    } finally {
      saving.dispose();
    }
  } finally {
    await loader.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface SavingGraph {
  /** The bytes of a `saved_model.pb`. */
  readonly graph: Uint8Array;
  readonly loads: readonly Load[];
}

/** Signatures that fill the variables, and one that writes them. */
function savingGraph({ card, weights }: Model, dtype: DType): SavingGraph {
  const g = new GraphBuilder();
  const layouts = layoutsOf(weights);
  // The served graph turns images round, not the first kernel.
  const preset = { ...card.preset, channels: 'RGB' as const };
  const { architecture } = card;
  const layers = weightLayersOf(architecture).map(({ name }) => {
    return { name, ...layerVariables(g, { layer: name, dtype, architecture, preset, layouts }) };
  });
  const variables = layers.flatMap(({ name, kernel, bias }): SavedVariable[] => [
    { name: variableName(name, 'kernel'), read: kernel, dtype },
    { name: variableName(name, 'bias'), read: bias, dtype },
  ]);
  const path = g.node('Placeholder', 'path', [], { dtype: { type: DType.string }, shape: { shape: [] } });
  const saved = save(g, path, variables);
  const loads = groupFeeds(layers.flatMap(({ feeds }) => feeds));
  const signatures = {
    [SAVE]: {
      inputs: { path: { node: path, dtype: DType.string } },
      outputs: { path: { node: saved, dtype: DType.string } },
    },
    ...Object.fromEntries(loads.map(({ signature, feeds }) => [signature, loadSignature(feeds)])),
  };
  return { graph: g.savedModel(signatures), loads };
}

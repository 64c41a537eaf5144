/** The compiled network in TensorFlow: loads the weights and runs batches. Blocks the thread that it runs in. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NamedTensorMap } from '@tensorflow/tfjs-node';
import { modelError } from '../errors.js';
import type { Model } from './card.js';
import type { WeightPlan } from './graph/variables.js';
import { compileGraph, layoutsOf, type OutputRequest, type Precision, RUN_SIGNATURE } from './graph/vgg.js';
import { loadTensorFlow, type TensorFlow } from './tensorflow.js';
import type { TensorSource } from './tensors.js';
import { readTensor } from './weights/read.js';

type SavedModel = Awaited<ReturnType<TensorFlow['node']['loadSavedModel']>>;

export interface SessionOptions {
  readonly model: Model;
  readonly precision: Precision;
  readonly outputs: readonly OutputRequest[];
}

/** One output of a batch: row-major, the batch first. */
export interface OutputArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export type Outputs = Readonly<Record<string, OutputArray>>;

export class Session {
  readonly #tf: TensorFlow;
  readonly #run: SavedModel;
  readonly #wordsPerImage: number;

  private constructor(tf: TensorFlow, run: SavedModel, wordsPerImage: number) {
    this.#tf = tf;
    this.#run = run;
    this.#wordsPerImage = wordsPerImage;
  }

  /** Compiles the graph and assigns every weight it needs. Throws a RunError on a weight that is not a number. */
  static async open({ model, precision, outputs }: SessionOptions): Promise<Session> {
    const tf = loadTensorFlow();
    const { architecture, preset } = model.card;
    const graph = compileGraph({ architecture, preset, precision, outputs, layouts: layoutsOf(model.weights) });
    const folder = mkdtempSync(join(tmpdir(), 'vgg16-'));
    try {
      writeFileSync(join(folder, 'saved_model.pb'), graph.savedModel);
      // All signatures of one path share one TensorFlow session, so the variables that one assigns another reads.
      const signature = (name: string) => tf.node.loadSavedModel(folder, ['serve'], name);
      const run = await signature(RUN_SIGNATURE);
      for (const plan of graph.weights) await loadLayer(tf, model, plan, signature);
      return new Session(tf, run, graph.wordsPerImage);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Runs `count` images; `pixels` holds their bytes, RGB, row by row, one image after the other. */
  run(pixels: ArrayBuffer, count: number): Outputs {
    const words = new Int32Array(pixels, 0, count * this.#wordsPerImage);
    const image = this.#tf.tensor2d(words, [count, this.#wordsPerImage], 'int32');
    const results = this.#run.predict({ image }) as NamedTensorMap;
    const outputs = Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => {
        const data = tensor.dataSync() as Float32Array | Int32Array;
        return [name, { shape: tensor.shape, data }];
      }),
    );
    this.#tf.dispose([image, ...Object.values(results)]);
    return outputs;
  }

  close(): void {
    this.#run.dispose();
  }
}

async function loadLayer(
  tf: TensorFlow,
  model: Model,
  plan: WeightPlan,
  signature: (name: string) => Promise<SavedModel>,
): Promise<void> {
  const weights = model.weights[plan.layer];
  if (weights === undefined) throw modelError(`Expected weights of ${plan.layer} but ${model.card.name} has none.`);
  const assign = async (name: string, source: TensorSource, shape: readonly number[]) => {
    const elements = shape.reduce((product, size) => product * size, 1);
    const value = tf.tensor(readTensor(source, elements), [...shape], 'float32');
    const saved = await signature(name);
    const { finite } = saved.predict({ value }) as NamedTensorMap;
    const allFinite = finite?.dataSync()[0] === 1;
    value.dispose();
    finite?.dispose();
    saved.dispose();
    if (!allFinite)
      throw modelError(`Expected finite weights but ${name} of ${model.card.name} holds NaN or infinity.`);
  };
  await assign(plan.kernel, weights.kernel, plan.kernelShape);
  await assign(plan.bias, weights.bias, plan.biasShape);
}

/** The compiled network in TensorFlow: loads the weights and runs batches. Blocks the thread that it runs in. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NamedTensorMap } from '@tensorflow/tfjs-node';
import { modelError } from '../errors.js';
import { mapOrdered } from '../stream.js';
import type { Model } from './card.js';
import type { Feed } from './graph/variables.js';
import { compileGraph, type Load, layoutsOf, type OutputRequest, type Precision, RUN_SIGNATURE } from './graph/vgg.js';
import { loadTensorFlow, type TensorFlow } from './tensorflow.js';
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
    const { architecture, preset } = model.card;
    const graph = compileGraph({ architecture, preset, precision, outputs, layouts: layoutsOf(model.weights) });
    // One group of weights is read while the one before it is assigned, and the first while TensorFlow starts.
    const groups = mapOrdered(graph.loads, (load) => readGroup(model, load), { concurrency: 1 });
    let next = groups.next();
    next.catch(() => {});

    const tf = loadTensorFlow();
    const folder = mkdtempSync(join(tmpdir(), 'vgg16-'));
    try {
      writeFileSync(join(folder, 'saved_model.pb'), graph.savedModel);
      // All signatures of one path share one TensorFlow session, so the variables that one assigns another reads.
      const signature = (name: string) => tf.node.loadSavedModel(folder, ['serve'], name);
      const run = await signature(RUN_SIGNATURE);
      for (;;) {
        const { value: group, done } = await next;
        if (done) break;
        next = groups.next();
        next.catch(() => {});
        assign(tf, model, await signature(group.signature), group.values);
      }
      return new Session(tf, run, graph.wordsPerImage);
    } finally {
      await groups.return(undefined);
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

/** Weights as they are fed, by the feeds' names. */
type Values = readonly (Feed & { readonly data: Float32Array })[];

async function readGroup(model: Model, { signature, feeds }: Load): Promise<{ signature: string; values: Values }> {
  const values = feeds.map(async (feed) => {
    const source = model.weights[feed.layer]?.[feed.part];
    if (source === undefined) throw modelError(`Expected weights of ${feed.layer} but ${model.card.name} has none.`);
    const elements = feed.shape.reduce((product, size) => product * size, 1);
    return { ...feed, data: await readTensor(source, elements) };
  });
  return { signature, values: await Promise.all(values) };
}

/** Fills the variables of one group and closes its signature. */
function assign(tf: TensorFlow, model: Model, load: SavedModel, values: Values): void {
  const feeds = Object.fromEntries(
    values.map(({ name, data, shape }) => [name, tf.tensor(data, [...shape], 'float32')]),
  );
  const answers = load.predict(feeds) as NamedTensorMap;
  const bad = values.find(({ name }) => answers[name]?.dataSync()[0] !== 1);
  tf.dispose([...Object.values(feeds), ...Object.values(answers)]);
  load.dispose();
  if (bad !== undefined) {
    throw modelError(`Expected finite weights but ${bad.name} of ${model.card.name} holds NaN or infinity.`);
  }
}

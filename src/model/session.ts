/** The compiled network in TensorFlow: loads the weights and runs batches. Blocks the thread that it runs in. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NamedTensorMap } from '@tensorflow/tfjs-node';
import type { Model } from './card.js';
import { unpackHalves } from './graph/layer-output.js';
import { type CompiledGraph, compileGraph, layoutsOf, type Precision, RUN_SIGNATURE } from './graph/vgg.js';
import type { OutputRequest } from './output-request.js';
import { loadTensorFlow, type TensorFlow } from './tensorflow.js';
import { WeightLoader } from './weight-loader.js';

type SavedModel = Awaited<ReturnType<TensorFlow['node']['loadSavedModel']>>;

export interface SessionOptions {
  readonly model: Model;
  readonly precision: Precision;
  readonly outputs: readonly OutputRequest[];
}

/** One output of a batch: row-major, the batch first. */
export interface OutputArray {
  readonly shape: readonly number[];
  /** Uint16Array: the bits of float16 numbers. */
  readonly data: Float32Array | Int32Array | Uint16Array;
}

export type Outputs = Readonly<Record<string, OutputArray>>;

/**
 * Images that the network sees at least, so that one has the same bits alone and in any batch. A single one goes other
 * ways: without AVX-512, oneDNN convolves it by another method, and TensorFlow shares a single long sum out among its
 * threads. An image that nobody asked for costs less than results that depend on the batch.
 */
const MIN_IMAGES = 2;

/**
 * Rows of a dense layer come in multiples of this, zeros behind the images, for the same reason: Eigen and oneDNN share the
 * rows out among the threads and multiply them in blocks, and the rows of a last, smaller block are summed in another
 * order. With this many there is none: found by trying every batch of 2 to 300 images on 1 to 4 threads. The weights are
 * read once whatever the rows, and reading them is what takes the time.
 */
const DENSE_ROWS = 24;

export class Session {
  readonly #tf: TensorFlow;
  readonly #run: SavedModel;
  readonly #graph: Pick<CompiledGraph, 'wordsPerImage' | 'halves'>;

  private constructor(tf: TensorFlow, run: SavedModel, { wordsPerImage, halves }: CompiledGraph) {
    this.#tf = tf;
    this.#run = run;
    this.#graph = { wordsPerImage, halves };
  }

  /** Compiles the graph and assigns every weight it needs. Throws a RunError on a weight that is not a number. */
  static async open({ model, precision, outputs }: SessionOptions): Promise<Session> {
    const { architecture, preset } = model.card;
    const graph = compileGraph({ architecture, preset, precision, outputs, layouts: layoutsOf(model.weights) });
    const loader = new WeightLoader(model, graph.loads);
    const tf = loadTensorFlow();
    const folder = mkdtempSync(join(tmpdir(), 'vgg16-'));
    try {
      writeFileSync(join(folder, 'saved_model.pb'), graph.savedModel);
      const run = await tf.node.loadSavedModel(folder, ['serve'], RUN_SIGNATURE);
      await loader.assign(tf, folder);
      return new Session(tf, run, graph);
    } finally {
      await loader.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Runs `count` images; `pixels` holds their bytes, RGB, row by row, one image after the other. */
  run(pixels: ArrayBuffer, count: number): Outputs {
    const { wordsPerImage, halves } = this.#graph;
    let words = new Int32Array(pixels, 0, count * wordsPerImage);
    const rows = Math.max(count, MIN_IMAGES);
    if (rows > count) {
      const more = new Int32Array(rows * wordsPerImage);
      more.set(words);
      words = more;
    }
    const image = this.#tf.tensor2d(words, [rows, wordsPerImage], 'int32');
    const extra = Math.ceil(rows / DENSE_ROWS) * DENSE_ROWS - rows;
    const paddings = this.#tf.tensor2d([0, extra, 0, 0], [2, 2], 'int32');
    const results = this.#run.predict({ image, paddings }) as NamedTensorMap;
    const outputs = Object.fromEntries(
      Object.entries(results).map(([name, tensor]): [string, OutputArray] => {
        const all = tensor.dataSync() as Float32Array | Int32Array;
        const given = tensor.shape[0] as number;
        const data = given > count ? all.slice(0, (all.length / given) * count) : all;
        const half = halves[name];
        if (half === undefined) return [name, { shape: [count, ...tensor.shape.slice(1)], data }];
        return [name, { shape: [count, ...half], data: unpackHalves(data as Int32Array, half) }];
      }),
    );
    this.#tf.dispose([image, paddings, ...Object.values(results)]);
    return outputs;
  }

  close(): void {
    this.#run.dispose();
  }
}

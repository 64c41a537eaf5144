/** The compiled network in TensorFlow: loads the weights and runs batches. Blocks the thread that it runs in. */

import { INPUT_CHANNELS } from '../network/architecture.js';
import type { Model } from '../network/card.js';
import { unpackHalves } from '../network/graph/layer-output.js';
import { type CompiledGraph, IMAGE, PADDINGS } from '../network/graph/vgg.js';
import type { OutputRequest } from '../network/output-request.js';
import type { Arithmetic } from '../network/precision.js';
import { compile } from './compile.js';
import { NativeGraph } from './native-graph.js';
import { WeightLoader } from './weight-loader.js';

export interface SessionOptions {
  readonly model: Model;
  readonly precision: Arithmetic;
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
export const MIN_IMAGES = 2;

/**
 * Rows of a dense layer come in multiples of this, zeros behind the images, for the same reason: Eigen and oneDNN share the
 * rows out among the threads and multiply them in blocks, and the rows of a last, smaller block are summed in another
 * order. With this many there is none: found by trying every batch of 2 to 300 images on 1 to 4 threads. The weights are
 * read once whatever the rows, and reading them is what takes the time.
 */
const DENSE_ROWS = 24;

export class Session {
  readonly #graph: NativeGraph;
  readonly #compiled: Pick<CompiledGraph, 'tensors' | 'halves'>;
  readonly #size: number;

  private constructor(graph: NativeGraph, compiled: CompiledGraph, size: number) {
    const { tensors, halves } = compiled;
    this.#graph = graph;
    this.#compiled = { tensors, halves };
    this.#size = size;
  }

  /** Compiles the graph and assigns every weight it needs. Throws a RunError on a weight that is not a number. */
  static async open({ model, precision, outputs }: SessionOptions): Promise<Session> {
    const compiled = await compile(model, precision, outputs);
    const loader = new WeightLoader(model, compiled.feeds);
    try {
      const graph = NativeGraph.open(compiled.savedModel);
      await loader.assign(graph);
      return new Session(graph, compiled, model.card.architecture.inputSize);
    } finally {
      await loader.close();
    }
  }

  /** Runs `count` images; `pixels` holds their bytes, RGB, row by row, one image after the other. */
  run(pixels: ArrayBuffer, count: number): Outputs {
    const { tensors, halves } = this.#compiled;
    const size = this.#size;
    const imageBytes = size * size * INPUT_CHANNELS;
    const rows = Math.max(count, MIN_IMAGES);
    let data = new Uint8Array(pixels, 0, count * imageBytes);
    if (rows > count) {
      const more = new Uint8Array(rows * imageBytes);
      more.set(data);
      data = more;
    }
    const extra = Math.ceil(rows / DENSE_ROWS) * DENSE_ROWS - rows;
    const feeds = {
      [IMAGE]: { shape: [rows, size, size, INPUT_CHANNELS], data },
      [PADDINGS]: { shape: [2, 2], data: Int32Array.of(0, extra, 0, 0) },
    };
    const results = this.#graph.run(feeds, Object.values(tensors));
    return Object.fromEntries(
      Object.keys(tensors).map((name, i): [string, OutputArray] => {
        const { shape, data: all } = results[i] as { shape: readonly number[]; data: Float32Array | Int32Array };
        const given = shape[0] as number;
        const kept = given > count ? all.slice(0, (all.length / given) * count) : all;
        const half = halves[name];
        if (half === undefined) return [name, { shape: [count, ...shape.slice(1)], data: kept }];
        return [name, { shape: [count, ...half], data: unpackHalves(kept as Int32Array, half) }];
      }),
    );
  }

  close(): void {
    this.#graph.close();
  }
}

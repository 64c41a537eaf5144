/** Batches of decoded images through the engine, in smaller pieces where the memory is too small for a whole one. */

import { type BatchResult, type Engine, OutOfMemoryError, type Outputs } from '../../engine/engine.js';

/** The results of some images of a batch that were computed together, in their order. */
export interface Computed {
  readonly outputs: Outputs;
  readonly count: number;
}

export interface BatchRunnerOptions {
  /** Called with each batch. */
  readonly engine: () => Promise<Pick<Engine, 'run'>>;
  /** Images a batch, at most. */
  readonly batchSize: number;
  /** Bytes of an image's pixels. */
  readonly imageBytes: number;
  /** Told each time that the batch size falls. */
  readonly onSmaller: (batchSize: number) => void;
}

export class BatchRunner {
  readonly #options: BatchRunnerOptions;
  #batchSize: number;
  /** Buffers for `#batchSize` images each. */
  #free: ArrayBuffer[] = [];

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
    this.#batchSize = options.batchSize;
  }

  /** Images a batch; halved each time that the memory is too small. */
  get batchSize(): number {
    return this.#batchSize;
  }

  /**
   * Results of a batch of images (their pixels), in pieces; `null` when the run was cancelled before it began. The images are
   * needed until then: what a batch that failed was made of is computed again. Throws OutOfMemoryError when there
   * is no memory for a single image.
   */
  async run(images: readonly Uint8Array[]): Promise<readonly Computed[] | null> {
    const pieces: Computed[] = [];
    for (let from = 0; from < images.length; ) {
      const piece = images.slice(from, from + this.#batchSize);
      const size = this.#batchSize;
      try {
        const outputs = await this.#compute(piece);
        if (outputs === null) return null;
        pieces.push({ outputs, count: piece.length });
        from += piece.length;
      } catch (error) {
        if (!(error instanceof OutOfMemoryError) || size === 1) throw error;
        this.#shrink(size);
      }
    }
    return pieces;
  }

  async #compute(images: readonly Uint8Array[]): Promise<Outputs | null> {
    const { engine, imageBytes } = this.#options;
    const size = this.#batchSize;
    const pixels = this.#free.pop() ?? new ArrayBuffer(size * imageBytes);
    const bytes = new Uint8Array(pixels);
    for (const [i, image] of images.entries()) bytes.set(image, i * imageBytes);
    const result: BatchResult = await (await engine()).run(pixels, images.length);
    if (size === this.#batchSize) this.#free.push(result.pixels);
    return result.outputs;
  }

  /** Half of `failed`, once for all the batches of that size which are in the engine. */
  #shrink(failed: number): void {
    if (failed > this.#batchSize) return;
    this.#batchSize = Math.ceil(failed / 2);
    this.#free = [];
    this.#options.onSmaller(this.#batchSize);
  }
}

/** The work behind an open model; apart from it, so that importing the library loads neither TensorFlow nor sharp. */

import { Engine } from '../engine/engine.js';
import { ImageError, usageError } from '../errors.js';
import { type LoadedImage, loadImage } from '../images/load.js';
import { cpuFeatures } from '../machine/cpu.js';
import { type OpenOptions, openModel } from '../models/open.js';
import { INPUT_CHANNELS } from '../network/architecture.js';
import type { Model, ModelCard } from '../network/card.js';
import { requireInt8 } from '../network/card.js';
import { checkRequests } from '../network/no-classifier.js';

import { beforeRelu, type OutputRequest } from '../network/output-request.js';
import { topPredictions } from '../services/classify.js';
import { layerValues } from '../services/extract.js';
import { BatchRunner, type Computed } from '../services/pipeline/batch-runner.js';
import { machineLimits, resolveSettings } from '../services/pipeline/settings.js';
import { checkedTop } from './classify.js';
import { activationsOf, layerRequest } from './extract.js';
import { type ImageInput, sourceOf } from './inputs.js';
import type { OpenModelOptions, Vgg16Model } from './model.js';
import { type ActivationOptions, type TopOptions, withDefaults } from './options.js';
import type { Activations, Classification } from './rows.js';

/** A network that answers one question, and its thread. */
interface Network {
  readonly engine: Promise<Engine>;
  readonly runner: BatchRunner;
}

export class OpenNetwork implements Vgg16Model {
  readonly card: ModelCard;
  readonly classes: number;
  readonly labels: readonly string[] | null;
  readonly #model: Model;
  readonly #options: OpenModelOptions;
  /** By what is asked of them. */
  readonly #networks = new Map<string, Network>();
  readonly #calls = new Set<Promise<unknown>>();
  /** Images are decoded one after the other, while the network computes those before. */
  #decoding: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(model: Model, options: OpenModelOptions) {
    this.#model = model;
    this.#options = options;
    this.card = model.card;
    this.classes = model.card.architecture.classifier?.classes ?? 0;
    this.labels = model.card.labels;
  }

  static async open(nameOrPath: string, open: OpenOptions, options: OpenModelOptions): Promise<OpenNetwork> {
    const model = await openModel(nameOrPath, open);
    if (options.precision === 'int8') requireInt8(model);
    return new OpenNetwork(model, options);
  }

  classify(input: ImageInput, options: TopOptions = {}): Promise<Classification> {
    return this.#call(async () => {
      const { topK, threshold } = checkedTop(options);
      // All classes, so that calls for more or fewer of them share a network.
      const { image, outputs, count } = await this.#compute(input, { kind: 'top_k', k: this.classes });
      const predictions = topPredictions(outputs, 0, count, this.labels);
      if (!predictions.every(({ prob, logit }) => Number.isFinite(prob) && Number.isFinite(logit))) throw notFinite();
      const top = predictions.slice(0, topK).filter(({ prob }) => prob >= threshold);
      return { width: image.width, height: image.height, top };
    });
  }

  extract(input: ImageInput, options: ActivationOptions = {}): Promise<Activations> {
    return this.#call(async () => {
      const request = layerRequest(options);
      const { outputs, count } = await this.#compute(input, request);
      const values = layerValues(this.card, [request], outputs, 0, count);
      if (values === undefined) throw notFinite();
      return activationsOf(values);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#calls);
    const engines = await Promise.allSettled([...this.#networks.values()].map(({ engine }) => engine));
    await Promise.all(engines.map((each) => (each.status === 'fulfilled' ? each.value.close() : undefined)));
    this.#networks.clear();
  }

  /** Remembers a call until it is done, for `close` to wait for. */
  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw usageError('Expected an open model but it has been closed.');
    const call = work();
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  async #compute(input: ImageInput, request: OutputRequest): Promise<Computed & { readonly image: LoadedImage }> {
    checkRequests(this.card, [request]);
    const { runner } = this.#network(request); // its weights are loaded while the image is decoded
    const image = await this.#decode(input);
    const [computed] = (await runner.run([image.pixels])) ?? [];
    if (computed === undefined) throw new Error('Expected the result of an image but the network gave none.');
    return { ...computed, image };
  }

  async #decode(input: ImageInput): Promise<LoadedImage> {
    const source = await sourceOf(input); // before its turn comes: nobody is to wait for a stream but its own call
    const { autoOrient, decode, maxPixels } = withDefaults(this.#options);
    const { resize, crop } = this.card.preset;
    const load = { resize, crop, autoOrient, decode, maxPixels };
    const image = this.#decoding.then(() => loadImage(source, load));
    this.#decoding = image.catch(() => {});
    return image;
  }

  #network(request: OutputRequest): Network {
    const key = JSON.stringify(request);
    const known = this.#networks.get(key);
    if (known !== undefined) return known;
    const engine = this.#openEngine([request]);
    engine.catch(() => this.#networks.delete(key)); // the next call tries again
    const { inputSize } = this.card.architecture;
    const runner = new BatchRunner({
      engine: () => engine,
      batchSize: 1,
      imageBytes: inputSize ** 2 * INPUT_CHANNELS,
      onSmaller: () => {},
    });
    const network = { engine, runner };
    this.#networks.set(key, network);
    return network;
  }

  #openEngine(outputs: readonly OutputRequest[]): Promise<Engine> {
    const { precision, threads } = withDefaults(this.#options);
    const settings = resolveSettings(
      { batchSize: 1, workers: 1, precision, threads },
      this.card.architecture,
      cpuFeatures(),
      machineLimits(),
      { outputs, int8: this.#model.int8 !== undefined && !outputs.some(beforeRelu) },
    );
    return Engine.open({
      model: this.#model,
      precision: settings.precision,
      threads: settings.threads,
      outputs,
    });
  }
}

function notFinite(): ImageError {
  return new ImageError('NON_FINITE', 'The network gave a result that is not finite.');
}

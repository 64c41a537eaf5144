/** `vgg16 model quantize`: weights and activations in int8, with ranges from calibration images, and what that costs. */

import { rm, stat } from 'node:fs/promises';
import { Engine, type Outputs } from '../../engine/engine.js';
import { modelError } from '../../errors.js';
import { int8Layers } from '../../formats/safetensors/int8.js';
import { availableThreads, cpuFeatures, hasInt8 } from '../../machine/cpu.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import { ActivationHistogram, type RangeMethod } from '../../models/quantize/calibration.js';
import { writeQuantizedFile } from '../../models/quantize/write.js';
import type { Model, ModelCard } from '../../network/card.js';
import type { Arithmetic } from '../../network/precision.js';
import { Draft } from '../../output/files/draft.js';
import { DECODERS_PER_THREAD } from '../pipeline/settings.js';
import { type Cost, CostSum, type Features } from './quantization/cost.js';
import { type DecodedImages, type ReadImages, type ReadOptions, readImages, spread } from './quantization/images.js';

export interface QuantizeOptions extends Omit<ReadOptions, 'workers'> {
  /** A known name or the path of a weight file. */
  readonly model: string;
  readonly open: OpenOptions;
  /** The file to write. */
  readonly output: string;
  /** Replace a file that is there, in one step. */
  readonly replace: boolean;
  readonly method: RangeMethod | 'auto';
}

/** What a method's ranges cost on calibration images: 1 - cosine of the features, root mean square. */
export interface MethodError {
  readonly method: RangeMethod;
  readonly error: number;
}

export interface QuantizedModel {
  readonly card: ModelCard;
  readonly path: string;
  readonly bytes: number;
  readonly method: RangeMethod;
  /** One each of the methods that were compared. */
  readonly methods: readonly MethodError[];
  /** Images that the ranges were chosen with. */
  readonly calibrated: number;
  /** Images that could not be read. */
  readonly failed: number;
  /** Whether this processor computed in int8; else float32, rounded as int8 is. */
  readonly measured: 'int8' | 'int8-simulated';
  /** What the cosine is of. */
  readonly features: 'fc7' | 'pool5';
  /** On images that the ranges were not chosen with. */
  readonly cost: Cost;
}

export type QuantizeEvent =
  | {
      readonly type: 'progress';
      readonly phase: QuantizePhase;
      readonly seen: number;
      readonly total: number | undefined;
    }
  | { readonly type: 'done'; readonly result: QuantizedModel };

export type QuantizePhase = 'reading' | 'calibrating' | 'choosing' | 'checking';

/** The one that is mostly best comes first. */
const METHODS: readonly RangeMethod[] = ['mse', 'max', 'percentile'];

/** Calibration images that methods are compared on, at most: their order hardly changes after a few dozen. */
const MAX_CHOOSING = 64;

/**
 * Throws as `openModel` does, NO_INPUTS where no image can be read, the signal's reason when aborted, and leaves nothing
 * behind then.
 */
export async function* quantizeModel(options: QuantizeOptions): AsyncGenerator<QuantizeEvent, void> {
  const { output, open } = options;
  const model = await openModel(options.model, open);
  if (model.int8 !== undefined) {
    throw modelError(`Expected a model that is not quantised but ${model.card.name} is.`);
  }
  // Before the work, so that it is not in vain where nothing can be written.
  const draft = await Draft.open(output);
  try {
    const images = yield* read(options, model.card);
    const quantization = new Quantization(model, images, draft.path, open, options.signal);
    yield* quantization.calibrate();
    const methods = yield* quantization.choose(options.method === 'auto' ? METHODS : [options.method]);
    const cost = yield* quantization.check();
    options.signal?.throwIfAborted();
    await draft.publish(options);
    const { size } = await stat(output);
    const { method, arithmetic: measured, features } = quantization;
    const found = {
      method,
      methods,
      calibrated: images.calibration.count,
      failed: images.failed,
      measured,
      features,
      cost,
    };
    yield { type: 'done', result: { card: model.card, path: output, bytes: size, ...found } };
  } catch (error) {
    throw draft.failure(error);
  } finally {
    await draft.discard();
  }
}

async function* read(options: QuantizeOptions, { preset }: ModelCard): AsyncGenerator<QuantizeEvent, ReadImages> {
  const totals = [options.calibrate, ...(options.check === undefined ? [] : [options.check])].map(({ total }) => total);
  const total = totals.includes(undefined) ? undefined : totals.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const reading = readImages({ ...options, workers: DECODERS_PER_THREAD * availableThreads() }, preset);
  for (;;) {
    const { value, done } = await reading.next();
    if (done) return value;
    yield { type: 'progress', phase: 'reading', seen: value, total };
  }
}

/** The steps in their order; the file is whole after `choose`. */
class Quantization {
  readonly arithmetic: 'int8' | 'int8-simulated' = hasInt8(cpuFeatures()) ? 'int8' : 'int8-simulated';
  readonly features: 'fc7' | 'pool5';
  /** The best, once chosen. */
  method: RangeMethod = 'max';
  readonly #threads = availableThreads();
  readonly #layers: readonly string[];
  /** What the features and logits of an image are read from. */
  readonly #read: readonly string[];
  readonly #histograms: ReadonlyMap<string, ActivationHistogram>;
  /** In float32. */
  readonly #calibration: Features[] = [];
  readonly #check: Features[] = [];

  constructor(
    private readonly model: Model,
    private readonly images: ReadImages,
    private readonly partial: string,
    private readonly openOptions: OpenOptions,
    private readonly signal: AbortSignal | undefined,
  ) {
    const { architecture } = model.card;
    this.#layers = int8Layers(architecture);
    this.features = architecture.classifier === null ? 'pool5' : 'fc7';
    this.#read = architecture.classifier === null ? ['pool5'] : ['fc7', 'fc8'];
    this.#histograms = new Map(this.#layers.map((layer) => [layer, new ActivationHistogram()]));
  }

  /** Float32: the activations of all layers over the calibration images, and what it gives for the others. */
  async *calibrate(): AsyncGenerator<QuantizeEvent, void> {
    const { calibration, check } = this.images;
    const engine = await this.#engine(this.model, 'f32', [...new Set([...this.#layers, ...this.#read])]);
    try {
      for await (const { outputs, rows, seen } of this.#run(engine, calibration)) {
        for (const [layer, histogram] of this.#histograms) histogram.add(valuesOf(outputs, layer));
        this.#calibration.push(...rows);
        yield { type: 'progress', phase: 'calibrating', seen, total: calibration.count + check.count };
      }
      for await (const { rows, seen } of this.#run(engine, check)) {
        this.#check.push(...rows);
        const all = calibration.count + check.count;
        yield { type: 'progress', phase: 'calibrating', seen: calibration.count + seen, total: all };
      }
    } finally {
      await engine.close();
    }
  }

  /** Writes the file with the ranges of the method that costs least, of those given. */
  async *choose(methods: readonly RangeMethod[]): AsyncGenerator<QuantizeEvent, readonly MethodError[]> {
    const [first = 'max', ...others] = methods;
    await this.#write(first);
    if (others.length === 0) return [];
    const some = this.images.calibration.some(MAX_CHOOSING);
    const wanted = spread(this.#calibration, MAX_CHOOSING);
    const errors: MethodError[] = [];
    for (const method of methods) {
      const before = errors.length * some.count;
      const sum = new CostSum();
      for await (const seen of this.#compare(method, some, wanted, sum)) {
        yield { type: 'progress', phase: 'choosing', seen: before + seen, total: methods.length * some.count };
      }
      errors.push({ method, error: sum.error() });
    }
    const best = errors.reduce((a, b) => (b.error < a.error ? b : a)).method;
    if (best !== first) await this.#write(best);
    return errors;
  }

  /** What the chosen ranges cost on the images that were kept back. */
  async *check(): AsyncGenerator<QuantizeEvent, Cost> {
    const sum = new CostSum();
    for await (const seen of this.#compare(this.method, this.images.check, this.#check, sum)) {
      yield { type: 'progress', phase: 'checking', seen, total: this.images.check.count };
    }
    return sum.result();
  }

  async #write(method: RangeMethod): Promise<void> {
    await rm(this.partial, { force: true });
    const record = { ranges: this.#rangesOf(method), method, images: this.images.calibration.count };
    await writeQuantizedFile(this.model, this.model.card, this.partial, record, this.signal);
    this.method = method;
  }

  /** A layer that is never above 0 gets any range. */
  #rangesOf(method: RangeMethod): Record<string, number> {
    return Object.fromEntries([...this.#histograms].map(([layer, each]) => [layer, each.range(method) || 1]));
  }

  async *#compare(method: RangeMethod, images: DecodedImages, wanted: readonly Features[], sum: CostSum) {
    const { seed, cacheDir } = this.openOptions;
    const written = await openModel(this.partial, { seed, cacheDir });
    if (written.int8 === undefined) throw new Error(`Expected int8 weights in ${this.partial}.`);
    const int8 = { ...written.int8, ranges: this.#rangesOf(method) };
    const engine = await this.#engine({ ...written, int8 }, this.arithmetic, this.#read);
    try {
      for await (const { first, rows, seen } of this.#run(engine, images)) {
        for (const [i, row] of rows.entries()) sum.add(wanted[first + i] as Features, row);
        yield seen;
      }
    } finally {
      await engine.close();
    }
  }

  #engine(model: Model, precision: Arithmetic, layers: readonly string[]): Promise<Engine> {
    const outputs = layers.map((layer) => ({ kind: 'layer', layer }) as const);
    return Engine.open({ model, precision, threads: this.#threads, outputs });
  }

  async *#run(engine: Engine, images: DecodedImages) {
    for await (const { first, count, outputs } of images.run(engine, this.signal)) {
      const [features, logits] = this.#read.map((layer) => rowsOf(outputs, layer, count));
      const rows = (features ?? []).map((row, i): Features => ({ features: row, logits: logits?.[i] ?? null }));
      yield { first, outputs, rows, seen: first + count };
    }
  }
}

function valuesOf(outputs: Outputs, layer: string): Float32Array {
  const data = outputs[layer]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`Expected float32 activations of ${layer}.`);
  return data;
}

/** Copies: the arrays of a batch hold all layers. */
function rowsOf(outputs: Outputs, layer: string, count: number): readonly Float32Array[] {
  const values = valuesOf(outputs, layer);
  const length = values.length / count;
  return Array.from({ length: count }, (_, i) => values.slice(i * length, (i + 1) * length));
}

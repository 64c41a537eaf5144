/** Classify images: find → decode and preprocess → VGG-16 → rows, as a stream of events. */

import { ImageError, type ImageErrorCode, modelError } from '../errors.js';
import type { ImageFile, ImageList } from '../image/find.js';
import { type DecodeMode, type LoadedImage, loadImage } from '../image/load.js';
import { INPUT_CHANNELS } from '../model/architecture.js';
import type { Model, ModelCard } from '../model/card.js';
import { cpuFeatures } from '../model/cpu.js';
import { Engine, type Outputs } from '../model/engine.js';
import { rememberedHash } from '../model/hash.js';
import { type OpenOptions, openModel } from '../model/open.js';
import type { ClassifyRow, Prediction } from '../output/records.js';
import { batched, mapOrdered, untilAborted } from '../stream.js';
import type { RunCounts, RunEvent } from './run.js';
import { precisionHint, type RequestedSettings, type RunSettings, resolveSettings } from './settings.js';

export interface ClassifyOptions extends RequestedSettings {
  /** From `findImages`. */
  readonly images: ImageList;
  /** A known name or the path of a weight file. */
  readonly model: string;
  readonly open: OpenOptions;
  /** Classes a row, at most. */
  readonly topK: number;
  /** Least softmax probability of a class in a row, 0 to 1. */
  readonly threshold: number;
  /** Largest width × height that is decoded. */
  readonly maxPixels: number;
  readonly autoOrient: boolean;
  readonly decode: DecodeMode;
  /** Stop at the first image that fails. */
  readonly stopOnError: boolean;
  /** Aborted: the batch in the network is finished, its rows come out, and the stream ends. */
  readonly signal: AbortSignal;
}

export type ClassifyEvent = RunEvent<ClassifyRow>;

/** Batches decoded ahead of the one in the network. */
const BATCHES_AHEAD = 2;

/** Batches handed to the engine: one runs, one waits, so that the network never does. */
const BATCHES_IN_ENGINE = 2;

/** Images in the first batch: the first rows come within a second of the model being ready, whatever the batch size. */
const FIRST_BATCH = 4;

/** A batch is sent as it is when the source has kept it waiting this long, in milliseconds: rows of a pipe flow. */
const LINGER_MS = 200;

/** One input on its way: decoded, or the reason why not. */
type Decoded = { readonly file: ImageFile } & (
  | { readonly image: LoadedImage; readonly error?: never }
  | { readonly error: ImageError; readonly image?: never }
);

/** Runs the pipeline. Throws a RunError when the model cannot be used. */
export async function* classify(options: ClassifyOptions): AsyncGenerator<ClassifyEvent, void> {
  const model = await openModel(options.model, options.open);
  const { card } = model;
  if (card.architecture.classifier === null) {
    throw modelError(`Expected a model with a classifier but ${card.name} is a convolutional base.`);
  }
  const cpu = cpuFeatures();
  const settings = resolveSettings(options, card.architecture, cpu);
  const k = Math.min(options.topK, card.architecture.classifier.classes);
  const { precision, threads } = settings;

  const opening = Engine.open({ model, precision, threads, outputs: [{ kind: 'top_k', k }] });
  const results = mapOrdered(
    untilAborted(decodedBatches(options, card, settings), options.signal),
    batchRunner(opening, options, card, settings),
    { concurrency: BATCHES_IN_ENGINE },
  );
  let next = results.next(); // decoding starts while the weights are loaded
  next.catch(() => {});
  const engine = await opening;
  const cancel = () => engine.cancel();
  options.signal.addEventListener('abort', cancel);
  if (options.signal.aborted) cancel();
  try {
    const hint = precisionHint(precision, card.architecture, cpu);
    if (hint !== undefined) yield { type: 'notice', message: hint };
    yield {
      type: 'ready',
      card,
      modelHash: hashOf(model, options.open.cacheDir, next),
      total: options.images.total,
      settings,
    };

    const counts: RunCounts = { seen: 0, ok: 0, failed: 0, skipped: 0 };
    for (;;) {
      const { value: rows, done } = await next;
      if (done || rows === null) break;
      const failed = rows.findIndex((row) => row.status === 'error');
      const stop = options.stopOnError && failed >= 0;
      const kept = stop ? rows.slice(0, failed + 1) : rows;
      const errors = kept.filter((row) => row.status === 'error').length;
      counts.seen += kept.length;
      counts.failed += errors;
      counts.ok += kept.length - errors;
      next = results.next();
      next.catch(() => {});
      yield { type: 'rows', rows: kept, counts: { ...counts } };
      if (stop) break;
    }
  } finally {
    options.signal.removeEventListener('abort', cancel);
    engine.cancel();
    await results.return(undefined);
    await engine.close();
  }
}

/** Hashes the model file once the first batch is through, so that it delays no row. */
async function hashOf(model: Model, cacheDir: string, firstRows: Promise<unknown>): Promise<string | null> {
  if (model.file === null) return null;
  await firstRows.catch(() => {});
  return rememberedHash(model.file.path, cacheDir);
}

function decodedBatches(options: ClassifyOptions, { preset }: ModelCard, settings: RunSettings) {
  const { autoOrient, decode, maxPixels } = options;
  const load = { resize: preset.resize, crop: preset.crop, autoOrient, decode, maxPixels };
  const decoded = mapOrdered(
    untilAborted(options.images.files, options.signal),
    async (file): Promise<Decoded> => {
      try {
        return { file, image: await loadImage(file.file, load) };
      } catch (error) {
        if (error instanceof ImageError) return { file, error };
        throw error;
      }
    },
    { concurrency: settings.workers, ahead: settings.workers + BATCHES_AHEAD * settings.batchSize },
  );
  return batched(decoded, {
    size: settings.batchSize,
    first: FIRST_BATCH,
    counts: ({ image }) => image !== undefined,
    lingerMs: LINGER_MS,
  });
}

/** Runs a batch of decoded images and makes its rows; `null` when the run was cancelled before it began. */
function batchRunner(opening: Promise<Engine>, options: ClassifyOptions, card: ModelCard, settings: RunSettings) {
  const imageBytes = card.architecture.inputSize ** 2 * INPUT_CHANNELS;
  const free: ArrayBuffer[] = [];

  const predict = async (images: readonly LoadedImage[]): Promise<Prediction[][] | null> => {
    if (images.length === 0) return [];
    const pixels = free.pop() ?? new ArrayBuffer(settings.batchSize * imageBytes);
    const bytes = new Uint8Array(pixels);
    for (const [i, image] of images.entries()) bytes.set(image.pixels, i * imageBytes);
    const engine = await opening;
    const result = await engine.run(pixels, images.length);
    free.push(result.pixels);
    return result.outputs && topPredictions(result.outputs, images.length, card.labels);
  };

  return async (batch: readonly Decoded[]): Promise<ClassifyRow[] | null> => {
    const predictions = await predict(batch.flatMap(({ image }) => (image === undefined ? [] : [image])));
    if (predictions === null) return null;
    const inOrder = predictions.values();
    return batch.map((item) =>
      item.image === undefined
        ? failedRow(item.file, item.error)
        : classifiedRow(item.file, item.image, inOrder.next().value ?? [], options.threshold),
    );
  };
}

function classifiedRow(
  { path, index }: ImageFile,
  { width, height }: LoadedImage,
  predictions: readonly Prediction[],
  threshold: number,
): ClassifyRow {
  if (!predictions.every(({ prob, logit }) => Number.isFinite(prob) && Number.isFinite(logit))) {
    return failedRow({ path, index }, { code: 'NON_FINITE', message: 'The network gave a result that is not finite.' });
  }
  const top = predictions.filter(({ prob }) => prob >= threshold);
  return { path, index, status: 'ok', width, height, top };
}

function failedRow(
  { path, index }: Pick<ImageFile, 'path' | 'index'>,
  { code, message }: { readonly code: ImageErrorCode; readonly message: string },
): ClassifyRow {
  return { path, index, status: 'error', error: { code, message } };
}

/** The top-k outputs ([N, k] each) as one list an image. */
function topPredictions(outputs: Outputs, count: number, labels: readonly string[] | null): Prediction[][] {
  const column = (name: string) => outputs[`top_k/${name}`]?.data ?? [];
  const [classes, logits, probabilities] = ['classes', 'logits', 'probabilities'].map(column);
  const k = (classes?.length ?? 0) / count;
  return Array.from({ length: count }, (_, n) =>
    Array.from({ length: k }, (_, r) => {
      const i = n * k + r;
      const index = classes?.[i] ?? 0;
      const label = labels?.[index] ?? String(index);
      return { rank: r + 1, class: index, label, prob: probabilities?.[i] ?? 0, logit: logits?.[i] ?? 0 };
    }),
  );
}

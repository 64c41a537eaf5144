/** What the streaming commands share: find → decode and preprocess → VGG-16 → rows, as a stream of events. */

import { Engine, type OutputRequest, type Outputs } from '../../engine/engine.js';
import type { ImageError } from '../../errors.js';
import type { ImageFile, ImageList } from '../../images/list/find.js';
import { identityOf } from '../../images/list/identity.js';
import { type DecodeMode, type ImageDetails, type LoadedImage, loadWithDetails } from '../../images/load.js';
import { cpuFeatures } from '../../machine/cpu.js';
import { modelHash } from '../../models/catalog/model-hash.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import { INPUT_CHANNELS } from '../../network/architecture.js';
import type { Model, ModelCard } from '../../network/card.js';
import { requireInt8 } from '../../network/card.js';
import { checkRequests } from '../../network/no-classifier.js';
import { beforeRelu } from '../../network/output-request.js';
import type { FailedRow, RowBase } from '../../output/rows/records.js';
import type { KeptRow } from '../../output/store/kept-row.js';
import type { EarlierRow } from '../../output/store/source.js';
import { batched, mapOrdered, untilAborted } from '../../stream.js';
import { BatchRunner } from './batch-runner.js';
import { LazyEngine } from './lazy-engine.js';
import type { RunCounts, RunEvent, RunIdentity } from './run.js';
import {
  machineLimits,
  memoryHint,
  memoryNeed,
  precisionHint,
  type RequestedSettings,
  type RunSettings,
  resolveSettings,
} from './settings.js';

/** Options of every command that streams images through the network. */
export interface StreamOptions extends RequestedSettings {
  /** From `findImages`. */
  readonly images: Pick<ImageList, 'total' | 'files'>;
  /** A known name or the path of a weight file. */
  readonly model: string;
  readonly open: OpenOptions;
  /** Largest width × height that is decoded. */
  readonly maxPixels: number;
  readonly autoOrient: boolean;
  readonly decode: DecodeMode;
  /** Stop at the first image that fails. */
  readonly stopOnError: boolean;
  /** Aborted: the batch in the network is finished, its rows come out, and the stream ends. */
  readonly signal: AbortSignal;
  /** Rows tell what is known of the file, too: size, sha256, format, date. */
  readonly describe?: boolean;
  /** Rows that need not be computed again, once it is known what they depend on; images that have one are not read. */
  readonly earlier?: (run: RunIdentity) => Promise<EarlierRows>;
}

export interface EarlierRows {
  /** The row of an image with this shown path that is still as it was, best one at the same place in the input. */
  take(path: string, identity: string, index?: number): EarlierRow | undefined;
}

/** What a command makes of the network's outputs. */
export interface Task<Row extends RowBase & { readonly status: string }> {
  /** What the network is asked for; whether the model has it is checked by the pipeline. */
  readonly outputs: (card: ModelCard) => readonly OutputRequest[];
  /** The row of image `n` of a batch of `count`. Arrays in it may be views of `outputs`, which are not used again. */
  readonly row: (image: ImageRow, outputs: Outputs, n: number, count: number, card: ModelCard) => Row | FailedRow;
}

/** The part of a row that every image has, and the image itself. */
export interface ImageRow extends RowBase {
  readonly image: LoadedImage;
  /** What is known of the file, where that was asked for. */
  readonly details: ImageDetails | null;
}

/** Batches decoded ahead of the one in the network. */
const BATCHES_AHEAD = 2;

/** Batches handed to the engine: one runs, one waits, so that the network never does. */
const BATCHES_IN_ENGINE = 2;

/** Images in the first batch, the fewest that the network computes: the first rows come as soon as they can. */
const FIRST_BATCH = 2;

/** A batch is sent as it is when the source has kept it waiting this long, in milliseconds: rows of a pipe flow. */
const LINGER_MS = 200;

/** Rows that take no part in the network (failed, taken over) after which a batch is sent as it is. */
const MOST_ROWS = 1024;

/** One input on its way: decoded, taken over from an earlier run, or the reason why not. */
type Decoded = RowBase &
  (
    | { readonly image: LoadedImage; readonly details: ImageDetails | null; readonly row?: never }
    | { readonly row: FailedRow | KeptRow; readonly image?: never }
  );

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Runs the pipeline. Throws a RunError when the model cannot be used. */
export async function* streamImages<Row extends RowBase & { readonly status: string }>(
  options: StreamOptions,
  task: Task<Row>,
): AsyncGenerator<RunEvent<Row>, void> {
  const model = await openModel(options.model, options.open);
  const { card } = model;
  const outputs = task.outputs(card);
  checkRequests(card, outputs);
  if (options.precision === 'int8') requireInt8(model);
  const cpu = cpuFeatures();
  const limits = machineLimits();
  const needs = { outputs, int8: model.int8 !== undefined && !outputs.some(beforeRelu) };
  const settings: Mutable<RunSettings> = resolveSettings(options, card.architecture, cpu, limits, needs);
  const { precision, threads } = settings;
  const notices = [
    precisionHint(options.precision, precision, card.architecture, cpu, needs),
    memoryHint(memoryNeed(settings, card.architecture, outputs), limits.memory),
  ].filter((hint) => hint !== undefined);

  let firstRows: Promise<unknown> = Promise.resolve();
  const modelHash = () => hashOf(model, options.open.cacheDir, firstRows);
  const earlier = await options.earlier?.({ card, modelHash: await modelHash(), settings });

  const engines = new LazyEngine(() => Engine.open({ model, precision, threads, outputs }), options.signal);
  // Where rows are taken over there may be nothing left to compute.
  const opening = earlier === undefined ? engines.open() : undefined;
  let smaller: (() => string) | undefined;
  const runner = new BatchRunner({
    engine: () => engines.open(),
    batchSize: settings.batchSize,
    imageBytes: card.architecture.inputSize ** 2 * INPUT_CHANNELS,
    onSmaller: (batchSize) => {
      const before = settings.batchSize;
      smaller ??= () => `There was no memory for batches of ${before}: going on with ${settings.batchSize}.`;
      settings.batchSize = batchSize;
      settings.chosen = { ...settings.chosen, batchSize: 'out of memory' };
    },
  });
  // Decoders rest while it is in the network: on two cores the first rows come 0.1-0.2 s sooner, the last at most 0.1 s later.
  let firstBatch: Promise<void> | undefined;
  const results = mapOrdered(
    untilAborted(
      decodedBatches(options, card, settings, earlier, () => firstBatch),
      options.signal,
    ),
    (batch) => {
      const rows = rowsOf(batch, runner, task, card);
      firstBatch ??= rows.then(ignore, ignore);
      return rows;
    },
    { concurrency: BATCHES_IN_ENGINE },
  );
  let next = results.next(); // decoding starts while the weights are loaded
  next.catch(() => {});
  firstRows = next;
  try {
    await opening;
    for (const message of notices) yield { type: 'notice', message };
    yield { type: 'ready', card, modelHash: modelHash(), total: options.images.total, settings };

    let told = false;
    const counts: RunCounts = { seen: 0, ok: 0, failed: 0, skipped: 0 };
    for (;;) {
      const { value: rows, done } = await next;
      if (done || rows === null) break;
      if (smaller !== undefined && !told) yield { type: 'notice', message: smaller() };
      told ||= smaller !== undefined;
      const failed = rows.findIndex((row) => row.status === 'error');
      const stop = options.stopOnError && failed >= 0;
      const kept = stop ? rows.slice(0, failed + 1) : rows;
      const errors = kept.filter((row) => row.status === 'error').length;
      counts.seen += kept.length;
      counts.failed += errors;
      counts.ok += kept.length - errors;
      counts.skipped += kept.filter((row) => 'kept' in row).length;
      next = results.next();
      next.catch(() => {});
      yield { type: 'rows', rows: kept, counts: { ...counts } };
      if (stop) break;
    }
  } finally {
    engines.cancel();
    await results.return(undefined);
    await engines.close();
  }
}

/** Hashes the model file once the first batch is through, so that it delays no row. */
async function hashOf(model: Model, cacheDir: string, firstRows: Promise<unknown>): Promise<string | null> {
  if (model.file === null) return null;
  await firstRows.catch(() => {});
  return modelHash(model, cacheDir);
}

function ignore(): void {}

/** `pause` is waited for before an image is read. */
function decodedBatches(
  options: StreamOptions,
  { preset }: ModelCard,
  settings: RunSettings,
  earlier: EarlierRows | undefined,
  pause: () => Promise<void> | undefined,
) {
  const { autoOrient, decode, maxPixels } = options;
  const describe = options.describe === true;
  const load = { resize: preset.resize, crop: preset.crop, autoOrient, decode, maxPixels, describe };
  const decodeFile = async (file: ImageFile): Promise<Decoded> => {
    const { path, index } = file;
    // Before the image is read: of one that changes meanwhile the row will not be taken over.
    const identity = await identityOf(file);
    const base = { path, index, identity };
    const kept = earlier?.take(path, identity, index);
    if (kept !== undefined) return { ...base, row: keptRow(base, kept) };
    await pause();
    const loaded = await loadWithDetails(file, load);
    if ('image' in loaded) return { ...base, image: loaded.image, details: loaded.details };
    const row = failedRow(base, loaded.error);
    return { ...base, row: describe ? { ...row, details: loaded.details } : row };
  };
  const decoded = mapOrdered(untilAborted(options.images.files, options.signal), decodeFile, {
    concurrency: settings.workers,
    ahead: settings.workers + BATCHES_AHEAD * settings.batchSize,
  });
  return batched(decoded, {
    size: () => settings.batchSize,
    first: FIRST_BATCH,
    most: MOST_ROWS,
    counts: ({ image }) => image !== undefined,
    lingerMs: LINGER_MS,
  });
}

/** Runs a batch of decoded images and makes its rows; `null` when the run was cancelled before it began. */
async function rowsOf<Row extends RowBase & { readonly status: string }>(
  batch: readonly Decoded[],
  runner: BatchRunner,
  task: Task<Row>,
  card: ModelCard,
): Promise<(Row | FailedRow | KeptRow)[] | null> {
  const images = batch.flatMap(({ image }) => (image === undefined ? [] : [image.pixels]));
  const pieces = await runner.run(images);
  if (pieces === null) return null;
  const results = pieces.flatMap(({ outputs, count }) =>
    Array.from({ length: count }, (_, n) => ({ outputs, n, count })),
  );
  let next = 0;
  return batch.map((item) => {
    if (item.row !== undefined) return item.row;
    const { outputs, n, count } = results[next++] as (typeof results)[number];
    return task.row(item, outputs, n, count, card);
  });
}

export function failedRow(
  { path, index, identity }: RowBase,
  { code, message }: Pick<ImageError, 'code' | 'message'>,
): FailedRow {
  return { path, index, identity, status: 'error', error: { code, message } };
}

/** A result that is not a number says nothing about its image. */
export function nonFiniteRow(base: RowBase): FailedRow {
  return failedRow(base, { code: 'NON_FINITE', message: 'The network gave a result that is not finite.' });
}

function keptRow(base: RowBase, kept: EarlierRow): KeptRow {
  const { error } = kept.entry;
  return error === undefined
    ? { ...base, status: 'ok', kept }
    : { ...base, status: 'error', error: error as FailedRow['error'], kept };
}

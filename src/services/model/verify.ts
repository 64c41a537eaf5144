/** Is a model what it says it is: by itself, or beside another model over the same images. */

import { Engine } from '../../engine/engine.js';
import { RunError, usageError } from '../../errors.js';
import type { ImageList } from '../../images/list/find.js';
import { availableThreads } from '../../machine/cpu.js';
import { recognize } from '../../models/catalog/known-models.js';
import { modelHash } from '../../models/catalog/model-hash.js';
import { type Golden, goldenOf } from '../../models/golden-outputs.js';

import { type OpenOptions, openModel } from '../../models/open.js';
import { INPUT_CHANNELS } from '../../network/architecture.js';
import type { Model, ModelCard } from '../../network/card.js';
import type { LayerOutput } from '../../network/output-request.js';
import type { ComparedRow } from '../../output/rows/compared.js';
import type { ExtractedRow, FailedRow } from '../../output/rows/records.js';
import type { KeptRow } from '../../output/store/kept-row.js';
import { extract } from '../extract.js';
import type { StreamOptions } from '../pipeline/pipeline.js';
import type { RunCounts, RunEvent } from '../pipeline/run.js';
import { outputDifferences } from './comparison/differences.js';

/** One thing that was looked at; `ok` is `null` where there is nothing to compare with. */
export interface ModelCheck {
  readonly name: 'hash' | 'weights' | 'outputs';
  readonly ok: boolean | null;
  /** What was found, in a sentence. */
  readonly found: string;
}

export interface CheckedModel {
  readonly card: ModelCard;
  /** In hex; `null` for generated weights. */
  readonly sha256: string | null;
  readonly checks: readonly ModelCheck[];
}

/** A share of the largest logit: float32 sums in another order differ by less. */
const TOLERANCE = 1e-5;

/** Opens the model, reads all of its weights and runs it once. Throws as `openModel` does. */
export async function checkModel(name: string, open: OpenOptions): Promise<CheckedModel> {
  const model = await openModel(name, open);
  const sha256 = await modelHash(model, open.cacheDir);
  const published = model.file === null ? undefined : await recognize(model.file.path, open.cacheDir);
  const golden = await goldenOf(sha256);
  const hash: ModelCheck =
    sha256 === null
      ? { name: 'hash', ok: null, found: 'generated weights have no file' }
      : golden === undefined && published === undefined
        ? { name: 'hash', ok: null, found: `sha256 ${sha256}; none is known to compare it with` }
        : { name: 'hash', ok: true, found: `sha256 ${sha256}, that of ${published?.what ?? model.card.name}` };
  const layer = model.card.architecture.classifier === null ? 'pool5' : 'fc8';
  let values: Float32Array;
  try {
    values = await runOnce(model, layer, golden?.pixelStep ?? PIXEL_STEP);
  } catch (error) {
    if (!(error instanceof RunError) || error.code !== 'MODEL_INVALID') throw error;
    const weights: ModelCheck = { name: 'weights', ok: false, found: error.message };
    return { card: model.card, sha256, checks: [hash, weights] };
  }
  return {
    card: model.card,
    sha256,
    checks: [
      hash,
      { name: 'weights', ok: true, found: 'all weights are finite numbers' },
      outputsCheck(values, golden),
    ],
  };
}

/** It is odd, so that all bytes occur; it means nothing beyond that. */
const PIXEL_STEP = 7919;

/** The layer's values for one made-up image. */
async function runOnce(model: Model, layer: string, pixelStep: number): Promise<Float32Array> {
  const outputs = [{ kind: 'layer', layer } as const];
  const engine = await Engine.open({ model, precision: 'f32', threads: availableThreads(), outputs });
  try {
    const pixels = new Uint8Array(model.card.architecture.inputSize ** 2 * INPUT_CHANNELS);
    for (let i = 0; i < pixels.length; i++) pixels[i] = (i * pixelStep) % 256;
    const result = await engine.run(pixels.buffer, 1);
    return result.outputs?.[layer]?.data as Float32Array;
  } finally {
    await engine.close();
  }
}

function outputsCheck(values: Float32Array, golden: Golden | undefined): ModelCheck {
  const name = 'outputs';
  if (!values.every(Number.isFinite))
    return { name, ok: false, found: 'the network gives numbers that are not finite' };
  if (golden === undefined) {
    return { name, ok: null, found: 'finite; none are stored to compare them with' };
  }
  const largest = Math.max(...golden.logits.map(Math.abs));
  const worst = Math.max(...golden.logits.map((value, i) => Math.abs(value - (values[i] as number))));
  const relative = worst / largest;
  const found = `logits differ from ${golden.madeBy}'s by ${relative.toExponential(1)} of the largest`;
  return { name, ok: values.length === golden.logits.length && relative <= TOLERANCE, found };
}

export interface CompareOptions {
  readonly first: StreamOptions;
  /** What differs for the second model; its images are the same, listed once more. */
  readonly second: {
    readonly model: string;
    readonly open: OpenOptions;
    readonly precision: StreamOptions['precision'];
    readonly images: ImageList;
  };
  /** Classes of the two top-k lists that are compared. */
  readonly topK: number;
}

/**
 * Rows in the order of the images, of logits where both models have a classifier, else of pool5. Throws USAGE where the
 * outputs have different shapes.
 */
export async function* compareModels(options: CompareOptions): AsyncGenerator<RunEvent<ComparedRow>, void> {
  const { first, second, topK } = options;
  const cards = [await openModel(first.model, first.open), await openModel(second.model, second.open)] as const;
  const layers = [comparedLayer(cards[0].card, cards[1].card)];
  const hasClasses = layers[0]?.layer === 'fc8';
  const left = rowsOf(extract({ ...first, layers }));
  const right = rowsOf(extract({ ...first, ...second, layers }));
  const counts: RunCounts = { seen: 0, ok: 0, failed: 0, skipped: 0 };
  try {
    for await (const event of left) {
      if (event.type !== 'row') {
        yield event;
        continue;
      }
      const other = await nextRow(right);
      const row = compareRows(event.row, other, hasClasses, topK);
      counts.seen += 1;
      if (row.status === 'error') counts.failed += 1;
      else counts.ok += 1;
      yield { type: 'rows', rows: [row], counts: { ...counts } };
    }
  } finally {
    await Promise.all([left.return(undefined), right.return(undefined)]);
  }
}

function comparedLayer(first: ModelCard, second: ModelCard): LayerOutput {
  const [a, b] = [first.architecture.classifier, second.architecture.classifier];
  if (a !== null && b !== null) {
    if (a.classes === b.classes) return { kind: 'layer', layer: 'fc8' };
    throw usageError(
      `Expected models with the same classes but ${first.name} has ${a.classes} and ${second.name} ${b.classes}.`,
    );
  }
  const [width, other] = [first, second].map(({ architecture }) => architecture.convolutions.at(-1)?.at(-1));
  const [size, otherSize] = [first, second].map(({ architecture }) => Math.floor(architecture.inputSize / 32));
  if (width !== other || size !== otherSize) {
    throw usageError(
      `Expected models with the same pool5 but ${first.name} has ${size} x ${size} x ${width} and ${second.name} ${otherSize} x ${otherSize} x ${other}.`,
    );
  }
  return { kind: 'layer', layer: 'pool5' };
}

type AnyRow = ExtractedRow | FailedRow | KeptRow;

type Single =
  | Exclude<RunEvent<ExtractedRow>, { readonly type: 'rows' }>
  | { readonly type: 'row'; readonly row: AnyRow };

/** Batches as single rows. */
async function* rowsOf(events: AsyncGenerator<RunEvent<ExtractedRow>, void>): AsyncGenerator<Single, void> {
  for await (const event of events) {
    if (event.type === 'rows') for (const row of event.rows) yield { type: 'row', row };
    else yield event;
  }
}

async function nextRow(events: AsyncGenerator<Single, void>): Promise<AnyRow | undefined> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) return undefined;
    if (value.type === 'row') return value.row;
  }
}

function compareRows(
  first: AnyRow,
  second: AnyRow | undefined,
  hasClasses: boolean,
  topK: number,
): ComparedRow | FailedRow {
  if (first.status === 'error') return first as FailedRow;
  const { path, index, identity } = first;
  if (second === undefined || second.path !== path) {
    const message = 'The list of images changed while it was read for the second model.';
    return { path, index, identity, status: 'error', error: { code: 'NOT_FOUND', message } };
  }
  if (second.status === 'error') return second as FailedRow;
  return {
    path,
    index,
    identity,
    status: 'ok',
    ...outputDifferences(valuesOf(first), valuesOf(second), hasClasses, topK),
  };
}

function valuesOf(row: AnyRow): Float32Array {
  const values = 'layers' in row ? row.layers[0]?.values : undefined;
  if (!(values instanceof Float32Array)) throw new Error('Expected the values of a layer.');
  return values;
}

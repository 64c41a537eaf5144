/** Two models over the same images: what their outputs differ by, image by image. */

import { usageError } from '../../errors.js';
import type { ImageList } from '../../images/list/find.js';
import { type OpenOptions, openModel } from '../../models/open.js';
import type { ModelCard } from '../../network/card.js';
import type { LayerOutput } from '../../network/output-request.js';
import type { ComparedRow } from '../../output/rows/compared.js';
import type { ExtractedRow, FailedRow } from '../../output/rows/records.js';
import type { KeptRow } from '../../output/store/kept-row.js';
import { extract } from '../extract.js';
import type { StreamOptions } from '../pipeline/pipeline.js';
import type { RunCounts, RunEvent } from '../pipeline/run.js';

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
  return { path, index, identity, status: 'ok', ...differences(valuesOf(first), valuesOf(second), hasClasses, topK) };
}

/** What two outputs for one image differ by. Throws where their lengths do. */
export function differences(
  a: Float32Array,
  b: Float32Array,
  hasClasses: boolean,
  topK: number,
): Pick<ComparedRow, 'maxDiff' | 'meanDiff' | 'largest' | 'classes'> {
  if (a.length !== b.length) throw new Error(`Expected ${a.length} values but received ${b.length}.`);
  let [maxDiff, sum, largest] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const diff = Math.abs((a[i] as number) - (b[i] as number));
    // NaN stays: it must not pass.
    maxDiff = Math.max(maxDiff, diff);
    sum += diff;
    largest = Math.max(largest, Math.abs(a[i] as number));
  }
  return { maxDiff, meanDiff: sum / a.length, largest, classes: hasClasses ? classesOf(a, b, topK) : null };
}

function valuesOf(row: AnyRow): Float32Array {
  const values = 'layers' in row ? row.layers[0]?.values : undefined;
  if (!(values instanceof Float32Array)) throw new Error('Expected the values of a layer.');
  return values;
}

function classesOf(a: Float32Array, b: Float32Array, k: number): ComparedRow['classes'] {
  const [first, second] = [best(a, k), best(b, k)];
  const common = first.filter((each) => second.includes(each)).length;
  return { first: first[0] as number, second: second[0] as number, topK: common / first.length };
}

/** Indices of the k largest values, the largest first; of equal ones the lower index, as TensorFlow's TopKV2. */
function best(values: Float32Array, k: number): number[] {
  const order = Array.from(values.keys()).sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
  return order.slice(0, k);
}

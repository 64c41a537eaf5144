/** What `classify` and `extract` share: inputs and options → the service's stream → its rows, one by one. */

import type { FailedRow } from '../output/rows/records.js';
import type { StreamOptions } from '../services/pipeline/pipeline.js';
import type { RunEvent } from '../services/pipeline/run.js';
import { type ImageInputs, imagesOf } from './inputs.js';
import { checkOneOf, checkWhole, type RunOptions, withDefaults } from './options.js';
import type { ErrorRow } from './rows.js';
import { openOptions } from './weights.js';

/** A row of the service that was not taken over from an earlier run, for there is none. */
export async function* streamRows<Row>(
  inputs: ImageInputs,
  options: RunOptions,
  events: (options: StreamOptions) => AsyncIterable<RunEvent<Row>>,
): AsyncGenerator<Row | FailedRow, void> {
  const all = withDefaults(options);
  checkPixels(all);
  checkWhole('batchSize', all.batchSize, 1, { auto: true });
  checkWhole('workers', all.workers, 1, { auto: true });
  const { model, threads, precision, batchSize, workers, maxPixels, autoOrient, decode, signal, onNotice } = all;
  const images = await imagesOf(inputs, all);
  const open = await openOptions(model, options, onNotice);
  const stream = events({
    images,
    model,
    open,
    batchSize,
    workers,
    threads,
    precision,
    maxPixels,
    autoOrient,
    decode,
    stopOnError: false,
    signal: signal ?? new AbortController().signal,
  });
  for await (const event of stream) {
    if (event.type === 'notice') onNotice?.(event.message);
    if (event.type === 'rows') yield* event.rows as readonly (Row | FailedRow)[];
  }
  // Rows that ended early must not look like all of them.
  signal?.throwIfAborted();
}

export function checkPixels({ decode, maxPixels }: RunOptions): void {
  checkOneOf('decode', decode, ['exact', 'fast']);
  checkWhole('maxPixels', maxPixels, 1);
}

export function errorRow({ path, index, error: { code, message } }: FailedRow): ErrorRow {
  return { path, index, status: 'error', error: { code, message } };
}

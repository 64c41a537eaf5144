/** `classify`: the most probable classes of each image. */

import { usageError } from '../errors.js';
import type { ImageInputs } from './inputs.js';
import { checkWhole, type RunOptions, type TopOptions, withDefaults } from './options.js';
import type { ClassifyRow } from './rows.js';
import { errorRow, streamRows } from './stream.js';

export interface ClassifyOptions extends RunOptions, TopOptions {}

/**
 * A row for each image, in the order of the input; an image that cannot be used is a row with its error. Throws a
 * RunError when the model cannot be used or paths name no image.
 */
export async function* classify(
  inputs: ImageInputs,
  options: ClassifyOptions = {},
): AsyncGenerator<ClassifyRow, void, undefined> {
  const { topK, threshold } = checkedTop(options);
  const service = await import('../services/classify.js');
  const rows = streamRows(inputs, options, (stream) => service.classify({ ...stream, topK, threshold }));
  for await (const row of rows) {
    if (row.status === 'error') yield errorRow(row);
    else {
      const { path, index, status, width, height, top } = row;
      yield { path, index, status, width, height, top };
    }
  }
}

/** The options with their defaults. Throws USAGE where they make no sense. */
export function checkedTop(options: TopOptions): { readonly topK: number; readonly threshold: number } {
  const { topK, threshold } = withDefaults(options);
  checkWhole('topK', topK, 1);
  if (!(threshold >= 0 && threshold <= 1)) {
    throw usageError(`Expected a number from 0 to 1 as threshold but received ${threshold}.`);
  }
  return { topK, threshold };
}

/** Flags of `export` alone. */

import { EMBEDDING_FORMATS, ROW_FILE_FORMATS } from '../../output/dataset/formats.js';
import { classifyFlags } from './classify.js';
import { outputFlags } from './output.js';
import { group, oneOf, value, whole } from './values.js';

/** Rows of a part unless asked otherwise: 160 MB of fc7. */
const DEFAULT_SHARD_ROWS = 10_000;

export const exportFlags = group('EXPORT', {
  'top-k': classifyFlags['top-k'],
  embeddings: value(oneOf(EMBEDDING_FORMATS), {
    helpValue: EMBEDDING_FORMATS.join('|'),
    default: 'npy',
    summary: 'Activations as NPY files, as columns of the Parquet rows, or not at all.',
  }),
  'shard-rows': value(whole({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
    helpValue: 'N',
    default: DEFAULT_SHARD_ROWS,
    summary: 'Rows of a part.',
  }),
});

export const exportOutputFlags = {
  ...outputFlags,
  ...group('OUTPUT', {
    output: value((text) => text, {
      char: 'o',
      helpValue: 'DIR',
      default: '-',
      defaultHelp: 'none',
      summary: 'Folder of the dataset.',
    }),
    format: value(oneOf(ROW_FILE_FORMATS), {
      helpValue: ROW_FILE_FORMATS.join('|'),
      default: 'parquet',
      summary: 'Format of the rows.',
    }),
  }),
};

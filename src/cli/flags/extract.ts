/** Flags of commands that write activations. */

import { parseLayer } from '../../network/layer-names.js';
import { ARRAY_DTYPES } from '../../output/arrays/spec.js';
import { STORE_FORMATS } from '../../output/rows/encoder.js';
import { FlagValueError, group, oneOf, repeatable, value } from './values.js';

function layer(text: string): string {
  const name = parseLayer(text);
  if (name === undefined) {
    throw new FlagValueError('a layer such as fc7, pool5 or conv5_3 (or features.30, block5_pool, fc2 …)', text);
  }
  return name;
}

export const layerFlags = group('EXTRACT', {
  layer: repeatable(layer, {
    char: 'l',
    helpValue: 'NAME',
    summary:
      "conv1_1 … conv5_3, pool1 … pool5, fc6, fc7 (default), logits; torchvision's and Keras's names too; can be given again.",
  }),
  activation: value(oneOf(['post', 'pre']), {
    helpValue: 'post|pre',
    default: 'post',
    summary: "Values after the layer's ReLU, or before it.",
  }),
  pool: value(oneOf(['none', 'avg', 'max']), {
    helpValue: 'none|avg|max',
    default: 'avg',
    summary: 'Convolutions and pools: mean or maximum of each channel over the image, or all values.',
  }),
  normalize: value(oneOf(['none', 'l2']), {
    helpValue: 'none|l2',
    default: 'none',
    summary: "l2: each layer's values divided by their Euclidean length.",
  }),
  dtype: value(oneOf(ARRAY_DTYPES), {
    helpValue: ARRAY_DTYPES.join('|'),
    default: 'f32',
    summary: 'Numbers of 32 or 16 bits.',
  }),
});

export const extractOutputFlags = group('OUTPUT', {
  format: value(oneOf(STORE_FORMATS), {
    helpValue: STORE_FORMATS.join('|'),
    summary: "Default: by the output's extension; on stdout CSV. CSV and JSONL also with .gz or .zst.",
  }),
});

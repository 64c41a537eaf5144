/** How closely two models have to agree. */

import { filled, group, oneOf, parseDecimal, value, whole } from './values.js';

/** 1e-4 of the largest output: float32 in another order stays two digits below it, other weights do not. */
const DEFAULT_MAX_DIFF = 1e-4;

export const verifyFlags = group('VERIFY', {
  against: value(filled('the name of a model or a weight file'), {
    helpValue: 'NAME|PATH',
    summary: 'The model to compare with, over the images.',
  }),
  'against-precision': value(oneOf(['f32', 'bf16', 'int8', 'auto']), {
    helpValue: 'f32|bf16|int8|auto',
    summary: 'Arithmetic of the other model; default: that of --precision.',
  }),
  'max-diff': value((text) => parseDecimal(text, { min: 0, max: Number.MAX_VALUE }), {
    helpValue: 'X',
    default: DEFAULT_MAX_DIFF,
    summary: 'Largest |Δ| of an output, as a share of the largest output, up to which the check passes.',
  }),
  'min-top1': value((text) => parseDecimal(text, { min: 0, max: 100 }), {
    helpValue: 'P',
    default: 100,
    summary: 'Percent of the images that must have the same best class.',
  }),
  format: value(oneOf(['csv', 'jsonl']), {
    helpValue: 'csv|jsonl',
    summary: "Of the rows; default: by the output's extension, else CSV.",
  }),
  'top-k': value(whole({ min: 1, max: 1000 }), {
    char: 'k',
    helpValue: 'N',
    default: 5,
    summary: 'Best classes whose lists are compared.',
  }),
});

/** What a model is quantised with. */

import { filled, group, oneOf, several, value } from './values.js';

export const QUANTIZE_METHODS = ['auto', 'mse', 'max', 'percentile'] as const;

export const quantizeFlags = group('QUANTIZE', {
  calibrate: several(filled('files, folders or globs'), {
    helpValue: 'IMAGES…',
    summary: 'Images like those to be classified; a few hundred are enough, at most 1,024 are used.',
  }),
  check: several(filled('files, folders or globs'), {
    helpValue: 'IMAGES…',
    summary:
      'Images to measure the cost with; default: every fourth of --calibrate, which is then not calibrated with.',
  }),
  method: value(oneOf(QUANTIZE_METHODS), {
    helpValue: QUANTIZE_METHODS.join('|'),
    default: 'auto',
    summary: 'Range of activations: least squared error, maximum, 99.99 %; auto: the one that costs least.',
  }),
});

/** Flags of `classify` alone. */

import { ROW_FORMATS, SCORES } from '../../output/rows/encoder.js';
import { MAX_CLASSES } from './model.js';
import { decimal, group, oneOf, toggle, value, whole } from './values.js';

export const classifyFlags = group('CLASSIFY', {
  'top-k': value(whole({ min: 1, max: MAX_CLASSES }), {
    char: 'k',
    helpValue: 'N',
    default: 5,
    summary: 'Classes a row, best first; at most as many as the model has.',
  }),
  threshold: value(decimal({ min: 0, max: 1 }), {
    helpValue: 'X',
    default: 0,
    summary: 'Leave out classes less probable than this, from 0 to 1.',
  }),
  scores: value(oneOf(SCORES), {
    helpValue: SCORES.join('|'),
    default: 'prob',
    summary: 'Numbers of a class: its probability, its logit (before the softmax), or both.',
  }),
  long: toggle({ summary: 'One line a class instead of one an image (CSV and table).' }),
});

export const classifyOutputFlags = group('OUTPUT', {
  format: value(oneOf(ROW_FORMATS), {
    helpValue: ROW_FORMATS.join('|'),
    summary:
      "Default: by the output's extension (.csv, .jsonl, both also with .gz or .zst); on a terminal a table, otherwise CSV.",
  }),
});

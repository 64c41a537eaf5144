/** What is measured, how often, and how it is told. */

import { PARTS } from '../../services/benchmark/report/report.js';
import { imageFlags, modelFlags } from './model.js';
import { MAX_BATCH_SIZE, MAX_THREADS, runFlags } from './run.js';
import { FlagValueError, filled, group, oneOf, parseDecimal, toggle, value, whole, wholeOrAuto } from './values.js';

/** Batches, of the warm-up or measured: days on any machine. */
const MAX_BATCHES = 1_000_000;

/** Values separated by commas, each once. */
export function listOf<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return (text) => {
    try {
      return [...new Set(text.split(',').map((part) => parse(part.trim())))];
    } catch (error) {
      if (!(error instanceof FlagValueError)) throw error;
      throw new FlagValueError(`${error.expected}, or several separated by commas`, text);
    }
  };
}

export const benchmarkFlags = {
  ...group('BENCHMARK', {
    parts: value(listOf(oneOf(PARTS)), {
      helpValue: 'LIST',
      default: PARTS,
      defaultHelp: PARTS.join(','),
      summary: 'What to measure; decode: files to pixels, preprocess: the same without decompression.',
    }),
    precision: value(listOf(oneOf(['f32', 'bf16', 'int8', 'auto'])), {
      helpValue: 'LIST',
      default: ['f32'],
      defaultHelp: 'f32',
      summary: 'Arithmetic of the network, one or several of f32, bf16, int8, auto.',
    }),
    'batch-size': value(listOf(wholeOrAuto({ min: 1, max: MAX_BATCH_SIZE })), {
      char: 'b',
      helpValue: 'LIST',
      default: ['auto'],
      defaultHelp: 'auto',
      summary: 'Images that go through the network together, such as 1,16,64.',
    }),
    threads: value(listOf(wholeOrAuto({ min: 1, max: MAX_THREADS })), {
      helpValue: 'LIST',
      default: ['auto'],
      defaultHelp: 'auto',
      summary: "TensorFlow's threads, such as 1,2,4.",
    }),
    'warm-up': value(whole({ min: 0, max: MAX_BATCHES }), {
      helpValue: 'N',
      default: 2,
      summary: 'Batches before the measured ones.',
    }),
    runs: value(whole({ min: 1, max: MAX_BATCHES }), {
      helpValue: 'N',
      default: 10,
      summary: 'Measured batches.',
    }),
  }),
  ...group('OUTPUT', {
    output: value(filled('a file, or - for stdout'), {
      char: 'o',
      helpValue: 'FILE|-',
      default: '-',
      summary: 'File for the results, JSON or CSV by its extension; the table still goes to stdout.',
    }),
    force: toggle({ char: 'f', summary: 'Replace an output file that exists.' }),
    csv: toggle({ summary: 'Print the results as CSV, one row a measurement.', exclusive: ['json'] }),
  }),
  ...group('MODEL', {
    model: value(filled('the name of a model or a weight file'), {
      char: 'm',
      helpValue: 'NAME|PATH',
      default: 'random',
      summary: 'A name of vgg16 model list, mini, random (full size; works on any machine), or a weight file.',
    }),
  }),
  preset: modelFlags.preset,
  seed: modelFlags.seed,
  'num-classes': modelFlags['num-classes'],
  offline: modelFlags.offline,
  'weights-url': modelFlags['weights-url'],
  ...imageFlags,
  workers: runFlags.workers,
  'max-pixels': runFlags['max-pixels'],
};

export const compareFlags = group('COMPARE', {
  'min-ratio': value((text) => parseDecimal(text, { min: 0, max: Number.MAX_VALUE }), {
    helpValue: 'X',
    summary: 'Exit code 6 where the images a second of B are less than X times those of A.',
  }),
});

/** How fast, and what to do when an image fails: shared by every command that streams images. */

import type { MaxErrors } from '../../services/pipeline/run.js';
import { FlagValueError, group, oneOf, parseDecimal, value, whole, wholeOrAuto } from './values.js';

/** Activations of conv1 at batch 512 take 6.6 GB: more never pays. */
export const MAX_BATCH_SIZE = 512;

/** As many as libuv's threads in bin/run.js. */
export const MAX_WORKERS = 64;

export const MAX_THREADS = 1024;

/**
 * Where PIL refuses too: twice its MAX_IMAGE_PIXELS. An image of that size takes half a gigabyte, 0.7 with transparency; one
 * that its decoder holds whole (progressive, interlaced, turned by its EXIF orientation) 0.9, with transparency 1.3 (measured).
 */
export const DEFAULT_MAX_PIXELS = 178_956_970;

/** sharp's own largest: 0x3fff × 0x3fff squared would overflow its checks beyond this. */
const MAX_MAX_PIXELS = 0x7fff_ffff;

export function parseMaxErrors(input: string): MaxErrors {
  if (/^\d+$/.test(input) && Number.isSafeInteger(Number(input))) return { count: Number(input) };
  if (input.endsWith('%')) {
    try {
      return { percent: parseDecimal(input.slice(0, -1), { min: 0, max: 100 }) };
    } catch {
      // Falls through to the error that names both forms.
    }
  }
  throw new FlagValueError('a number of images such as 10 or a share such as 5%', input);
}

export const runFlags = group('RUN', {
  'batch-size': value(wholeOrAuto({ min: 1, max: MAX_BATCH_SIZE }), {
    char: 'b',
    helpValue: 'N|auto',
    default: 'auto',
    summary: 'Images that go through the network together.',
  }),
  workers: value(wholeOrAuto({ min: 1, max: MAX_WORKERS }), {
    char: 'j',
    helpValue: 'N|auto',
    default: 'auto',
    summary: 'Images decoded at the same time; auto: twice the threads.',
  }),
  threads: value(wholeOrAuto({ min: 1, max: MAX_THREADS }), {
    helpValue: 'N|auto',
    default: 'auto',
    summary:
      "TensorFlow's threads; auto: the processors that this process may use (job engine, OMP_NUM_THREADS, cgroup).",
  }),
  precision: value(oneOf(['f32', 'bf16', 'int8', 'auto']), {
    helpValue: 'f32|bf16|int8|auto',
    default: 'f32',
    summary:
      'Arithmetic of the network; int8 needs a model of model quantize; auto: the fastest of what both are made for.',
  }),
  'max-pixels': value(whole({ min: 1, max: MAX_MAX_PIXELS }), {
    helpValue: 'N',
    default: DEFAULT_MAX_PIXELS,
    summary: 'Largest width × height that is decoded; a pixel takes 3 to 8 bytes of memory.',
  }),
  'on-error': value(oneOf(['skip', 'fail']), {
    helpValue: 'skip|fail',
    default: 'skip',
    summary: 'An image that fails: skip (a row with its error) or fail (stop there).',
  }),
  'max-errors': value(parseMaxErrors, {
    helpValue: 'N|P%',
    default: { count: 0 },
    defaultHelp: '0',
    summary: 'Failed images up to which the exit code is 0: a number, or a share of all.',
  }),
});

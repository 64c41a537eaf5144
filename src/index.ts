/**
 * The library behind the command line; docs/library.md shows how it is used.
 *
 *     import { classify, openModel } from 'vgg16';
 *
 * Importing it changes nothing in the process and loads neither TensorFlow nor sharp: the first image does.
 */

export { ImageError, type ImageErrorCode, RunError, type RunErrorCode } from './errors.js';
export { type ClassifyOptions, classify } from './library/classify.js';
export { type ExtractOptions, extract } from './library/extract.js';
export type { ImageBytes, ImageInput, ImageInputs, NamedImage } from './library/inputs.js';
export type { OpenModelOptions, Vgg16Model } from './library/model.js';
export { openModel } from './library/open.js';
export type {
  ActivationOptions,
  FindOptions,
  ModelOptions,
  PixelOptions,
  RunOptions,
  TopOptions,
} from './library/options.js';
export type {
  Activations,
  Classification,
  ClassifyRow,
  ErrorRow,
  ExtractRow,
  Prediction,
  RowBase,
} from './library/rows.js';
export type { Architecture } from './network/architecture.js';
export type { ModelCard } from './network/card.js';
export type { Preset } from './network/preset.js';

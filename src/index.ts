/**
 * The library behind the command line.
 *
 *     import { classify, findImages } from 'vgg16';
 *
 * `classify` streams rows; `openModel`, `Engine` and `loadImage` are its parts, for other uses of the same network.
 */

export { ExitCode, ImageError, type ImageErrorCode, RunError, type RunErrorCode } from './errors.js';
export { type FindOptions, findImages, type ImageFile, type ImageList } from './image/find.js';
export { type DecodeMode, type LoadedImage, type LoadOptions, loadImage } from './image/load.js';
export { type Architecture, type Layer, layersOf, vgg16 } from './model/architecture.js';
export type { Model, ModelCard } from './model/card.js';
export {
  type BatchResult,
  Engine,
  type EngineOptions,
  type OutputArray,
  type OutputRequest,
  type Outputs,
  type Precision,
} from './model/engine.js';
export { type OpenOptions, openModel } from './model/open.js';
export { PRESETS, type Preset, type PresetName } from './model/preset.js';
export type { ClassifiedRow, ClassifyRow, FailedRow, Prediction } from './output/records.js';
export { type ClassifyEvent, type ClassifyOptions, classify } from './services/classify.js';
export type { RunCounts } from './services/run.js';
export type { RunSettings } from './services/settings.js';

/**
 * The library behind the command line.
 *
 *     import { classify, extract, findImages } from 'vgg16';
 *
 * `classify` and `extract` stream rows; `openModel`, `Engine` and `loadImage` are their parts, for other uses of the same
 * network.
 */

export { ExitCode, ImageError, type ImageErrorCode, RunError, type RunErrorCode } from './errors.js';
export { type FindOptions, findImages, type ImageFile, type ImageList } from './image/find.js';
export {
  type DecodeMode,
  type ImageDetails,
  type ImageSource,
  type LoadedImage,
  type LoadOptions,
  type LoadOutcome,
  loadImage,
  loadWithDetails,
} from './image/load.js';
export { type Architecture, type Layer, layersOf, vgg16 } from './model/architecture.js';
export type { Model, ModelCard } from './model/card.js';
export {
  type BatchResult,
  Engine,
  type EngineOptions,
  type LayerOutput,
  type OutputArray,
  type OutputRequest,
  type Outputs,
  type Precision,
} from './model/engine.js';
export { LAYER_CHOICES, outputSpecOf, parseLayer } from './model/layer-names.js';
export { type OpenOptions, openModel } from './model/open.js';
export { PRESETS, type Preset, type PresetName } from './model/preset.js';
export type { ClassifiedRow, ExtractedRow, FailedRow, KeptRow, LayerValues, Prediction } from './output/records.js';
export { type ClassifyEvent, type ClassifyOptions, classify } from './services/classify.js';
export { type ExtractEvent, type ExtractOptions, extract } from './services/extract.js';
export { type ListedModel, type ListOptions, listModels } from './services/model/list.js';
export { type PullEvent, type PulledModel, type PullOptions, pullModel } from './services/model/pull.js';
export type { EarlierRows, StreamOptions } from './services/pipeline.js';
export type { RunCounts, RunEvent } from './services/run.js';
export type { RunSettings } from './services/settings.js';

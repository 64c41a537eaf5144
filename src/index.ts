/**
 * The library behind the command line.
 *
 *     import { classify, extract, findImages } from 'vgg16';
 *
 * `classify` and `extract` stream rows; `openModel`, `Engine` and `loadImage` are their parts, for other uses of the same
 * network.
 */

export {
  type BatchResult,
  Engine,
  type EngineOptions,
  type LayerOutput,
  type OutputArray,
  type OutputRequest,
  type Outputs,
} from './engine/engine.js';
export { ExitCode, ImageError, type ImageErrorCode, RunError, type RunErrorCode } from './errors.js';
export { type FindOptions, findImages, type ImageFile, type ImageList } from './images/list/find.js';
export {
  type DecodeMode,
  type ImageDetails,
  type ImageSource,
  type LoadedImage,
  type LoadOptions,
  type LoadOutcome,
  loadImage,
  loadWithDetails,
} from './images/load.js';
export { type OpenOptions, openModel } from './models/open.js';
export { type Architecture, type Layer, layersOf, vgg16 } from './network/architecture.js';
export type { Model, ModelCard } from './network/card.js';
export { LAYER_CHOICES, outputSpecOf, parseLayer } from './network/layer-names.js';
export type { Precision } from './network/precision.js';
export { PRESETS, type Preset, type PresetName } from './network/preset.js';
export type {
  ClassifiedRow,
  ExtractedRow,
  FailedRow,
  LayerValues,
  Prediction,
} from './output/rows/records.js';
export type { KeptRow } from './output/store/kept-row.js';
export { type ClassifyEvent, type ClassifyOptions, classify } from './services/classify.js';
export { type ExtractEvent, type ExtractOptions, extract } from './services/extract.js';
export { type ListedModel, type ListOptions, listModels } from './services/model/list.js';
export { type PullEvent, type PulledModel, type PullOptions, pullModel } from './services/model/pull.js';
export type { EarlierRows, StreamOptions } from './services/pipeline/pipeline.js';
export type { RunCounts, RunEvent } from './services/pipeline/run.js';
export type { RunSettings } from './services/pipeline/settings.js';

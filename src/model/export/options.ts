/** What the exporters of all formats are told. */

import type { Model } from '../card.js';

export type ExportDType = 'f32' | 'f16' | 'bf16';

export interface ExportOptions {
  /** Layers whose values the exported network gives, by the paper's names in the order of the network: fc7, fc8. */
  readonly outputs: readonly string[];
  /** In which the weights are stored. */
  readonly dtype: ExportDType;
}

/** Writes `model` at `path`, where nothing is yet: a file, or a folder for formats that are one. */
export type Exporter = (model: Model, path: string, options: ExportOptions) => Promise<void>;

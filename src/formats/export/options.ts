/** What the exporters of all formats are told. */

import type { Model } from '../../network/card.js';

export type ExportDType = 'f32' | 'f16' | 'bf16';

export interface ExporterOptions {
  /** Layers whose values the exported network gives, by the paper's names in the order of the network: fc7, fc8. */
  readonly outputs: readonly string[];
  /** In which the weights are stored. */
  readonly dtype: ExportDType;
  /** Aborted: the exporter throws its reason before it writes more. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes `model` at `path`, where nothing is yet: a file, or a folder for formats that are one. Throws the system's errors
 * as they are and leaves what it has written so far; whoever calls it deletes that, and syncs it to disk.
 */
export type Exporter = (model: Model, path: string, options: ExporterOptions) => Promise<void>;

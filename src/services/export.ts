/** Export a dataset: predictions, activations and what is known of each image, in one pass. */

import { modelError } from '../errors.js';
import type { ModelCard } from '../network/card.js';
import type { LayerOutput } from '../network/output-request.js';
import type { DatasetOkRow } from '../output/dataset/rows.js';
import { topPredictions } from './classify.js';
import { layerValues } from './extract.js';
import { nonFiniteRow, type StreamOptions, streamImages } from './pipeline/pipeline.js';
import type { RunEvent } from './pipeline/run.js';

export interface ExportImagesOptions extends StreamOptions {
  /** Classes a row, at most. */
  readonly topK: number;
  /** May be none. */
  readonly layers: readonly LayerOutput[];
}

export type ExportEvent = RunEvent<DatasetOkRow>;

/** Classes a row has: none without a classifier. */
export function classesOf({ architecture }: ModelCard, topK: number): number {
  return Math.min(topK, architecture.classifier?.classes ?? 0);
}

/** Throws a RunError when the model cannot be used or has no such layer. */
export function exportImages(options: ExportImagesOptions): AsyncGenerator<ExportEvent, void> {
  const { layers } = options;
  return streamImages<DatasetOkRow>(
    { ...options, describe: true },
    {
      outputs: (card) => {
        const k = classesOf(card, options.topK);
        if (k === 0 && layers.length === 0) {
          throw modelError(
            `Expected a model with a classifier, or layers to export, but ${card.name} has no classifier.`,
          );
        }
        return [...(k === 0 ? [] : [{ kind: 'top_k' as const, k }]), ...layers];
      },
      row: ({ path, index, identity, image, details }, outputs, n, count, card) => {
        const top = topPredictions(outputs, n, count, card.labels);
        const values = layerValues(card, layers, outputs, n, count);
        const finite = top.every(({ prob, logit }) => Number.isFinite(prob) && Number.isFinite(logit));
        if (values === undefined || !finite) return { ...nonFiniteRow({ path, index, identity }), details };
        const { width, height } = image;
        return { path, index, identity, status: 'ok', width, height, details, top, layers: values };
      },
    },
  );
}

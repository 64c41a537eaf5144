/** Classify images: the most probable classes of each. */

import type { Outputs } from '../engine/engine.js';
import type { ClassifiedRow, FailedRow, Prediction } from '../output/rows/records.js';
import { type ImageRow, nonFiniteRow, type StreamOptions, streamImages } from './pipeline/pipeline.js';
import type { RunEvent } from './pipeline/run.js';

export interface ClassifyOptions extends StreamOptions {
  /** Classes a row, at most. */
  readonly topK: number;
  /** Least softmax probability of a class in a row, 0 to 1. */
  readonly threshold: number;
}

export type ClassifyEvent = RunEvent<ClassifiedRow>;

/** Throws a RunError when the model cannot be used. */
export function classify(options: ClassifyOptions): AsyncGenerator<ClassifyEvent, void> {
  return streamImages<ClassifiedRow>(options, {
    outputs: ({ architecture: { classifier } }) => [
      { kind: 'top_k', k: Math.min(options.topK, classifier?.classes ?? options.topK) },
    ],
    row: (image, outputs, n, count, card) =>
      classifiedRow(image, topPredictions(outputs, n, count, card.labels), options.threshold),
  });
}

/** The row of one image; NON_FINITE where a score is not a number. */
export function classifiedRow(
  { path, index, identity, image }: ImageRow,
  predictions: readonly Prediction[],
  threshold: number,
): ClassifiedRow | FailedRow {
  if (!predictions.every(({ prob, logit }) => Number.isFinite(prob) && Number.isFinite(logit))) {
    return nonFiniteRow({ path, index, identity });
  }
  const top = predictions.filter(({ prob }) => prob >= threshold);
  return { path, index, identity, status: 'ok', width: image.width, height: image.height, top };
}

/** The top-k outputs ([count, k] each) of image `n`, best first. */
export function topPredictions(
  outputs: Outputs,
  n: number,
  count: number,
  labels: readonly string[] | null,
): Prediction[] {
  const column = (name: string) => outputs[`top_k/${name}`]?.data ?? [];
  const [classes, logits, probabilities] = [column('classes'), column('logits'), column('probabilities')];
  const k = classes.length / count;
  return Array.from({ length: k }, (_, r) => {
    const i = n * k + r;
    const index = classes[i] ?? 0;
    const label = labels?.[index] ?? String(index);
    return { rank: r + 1, class: index, label, prob: probabilities[i] ?? 0, logit: logits[i] ?? 0 };
  });
}

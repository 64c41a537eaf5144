/**
 * What a network without classifier refuses: classes, and layers after pool5. Some weights were published so, and some with a
 * classifier of NaN, which is left out (`noClassifier` of the card says why).
 */

import { modelError } from '../errors.js';
import type { ModelCard } from './card.js';
import { findLayer } from './layer-names.js';
import type { OutputRequest } from './output-request.js';

/** Throws MODEL_INVALID for what the model cannot give: a layer that it has not, classes without a classifier. */
export function checkRequests(
  { name, architecture, noClassifier }: ModelCard,
  requests: readonly OutputRequest[],
): void {
  for (const request of requests) {
    if (request.kind === 'layer') findLayer(architecture, request.layer, name, noClassifier);
    else if (architecture.classifier === null) {
      const why = noClassifier === undefined ? '' : `: ${noClassifier}`;
      throw modelError(`Expected a model with a classifier but ${name} is a convolutional base${why}.`);
    }
  }
}

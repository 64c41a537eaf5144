/** The card of a file that is known by its hash: the architecture from its shapes, all else as it was published. */

import { inferArchitecture } from '../formats/shared/infer-architecture.js';
import type { NamedTensors } from '../formats/shared/tensor-names.js';
import type { WeightFile } from '../formats/shared/weight-file.js';
import { type Architecture, weightLayersOf } from '../network/architecture.js';
import type { ModelCard } from '../network/card.js';
import type { PresetName } from '../network/preset.js';
import type { Weights } from '../network/tensors.js';
import { cardOf, type KnownWeights } from './catalog/published-weights.js';
import { rejectPreset, scaledTo } from './foreign-card.js';

/** Throws USAGE where a preset is asked for: it is known. */
export function publishedCard(
  known: KnownWeights,
  file: WeightFile,
  named: NamedTensors,
  asked: PresetName | undefined,
): ModelCard {
  const card = cardOf(known);
  rejectPreset(asked, `${file.path} is ${known.what}, whose preset is ${card.preset.name}`);
  const inferred = inferArchitecture(named, card.preset.crop, file);
  const architecture: Architecture = card.noClassifier === undefined ? inferred : { ...inferred, classifier: null };
  const labels = card.labels?.length === architecture.classifier?.classes ? card.labels : null;
  return { ...card, architecture, preset: scaledTo(card.preset, architecture), labels };
}

/** The weights without those of a classifier that is left out. */
export function usedWeights({ architecture, noClassifier }: ModelCard, weights: Weights): Weights {
  if (noClassifier === undefined) return weights;
  const used = weightLayersOf(architecture).map(({ name }) => name);
  return Object.fromEntries(Object.entries(weights).filter(([layer]) => used.includes(layer)));
}

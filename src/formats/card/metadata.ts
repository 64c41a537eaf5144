/** A card as the text entries that model files carry: the opposite of parse.ts. */

import type { ModelCard } from '../../network/card.js';
import { CARD_FORMAT, CARD_VERSION } from './parse.js';

/** Name of the card's own file in formats that are a zip or a folder. */
export const CARD_RECORD = 'vgg16.json';

export interface CardMetadata {
  readonly format: typeof CARD_FORMAT;
  readonly version: typeof CARD_VERSION;
  /** JSON. */
  readonly card: string;
}

export function cardMetadata(card: ModelCard): CardMetadata {
  return { format: CARD_FORMAT, version: CARD_VERSION, card: JSON.stringify(card) };
}

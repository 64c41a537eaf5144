/** Which weights are fed together, and the signatures that do it. */

import { DType, type Signature } from './builder.js';
import type { Feed } from './variables.js';

/** A signature that fills some variables: their feeds in, for each an int32 out that is 1 when all was finite. */
export interface Load {
  readonly signature: string;
  readonly feeds: readonly Feed[];
}

/** Float32 values that one signature loads at most, if it loads more than one tensor: 128 MiB. */
const MAX_GROUP_ELEMENTS = 2 ** 25;

/**
 * Feeds that go in together: opening a signature costs 10 ms, and what is fed together is in memory twice at the same
 * time. Largest first, because reading the first overlaps the start of TensorFlow.
 */
export function groupFeeds(feeds: readonly Feed[]): Load[] {
  const groups: { elements: number; feeds: Feed[] }[] = [];
  for (const feed of feeds) {
    const elements = feed.shape.reduce((product, size) => product * size, 1);
    const last = groups.at(-1);
    if (last !== undefined && last.elements + elements <= MAX_GROUP_ELEMENTS) {
      last.elements += elements;
      last.feeds.push(feed);
    } else {
      groups.push({ elements, feeds: [feed] });
    }
  }
  groups.sort((a, b) => b.elements - a.elements);
  return groups.map((group, i) => ({ signature: `load_${i}`, feeds: group.feeds }));
}

export function loadSignature(feeds: readonly Feed[]): Signature {
  return {
    inputs: Object.fromEntries(feeds.map(({ name, value }) => [name, { node: value, dtype: DType.float32 }])),
    outputs: Object.fromEntries(feeds.map(({ name, finite }) => [name, { node: finite, dtype: DType.int32 }])),
  };
}

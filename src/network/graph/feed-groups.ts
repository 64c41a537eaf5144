/** Which weights are fed together. */

import { elementCount } from '../../shape.js';
import type { Feed } from './feed.js';

/** Float32 values that go in together at most, if it is more than one tensor: 128 MiB. */
const MAX_GROUP_ELEMENTS = 2 ** 25;

/**
 * Feeds that go in together: what is fed together is in memory twice at the same time. Largest first, because reading the
 * first overlaps the start of TensorFlow.
 */
export function groupFeeds(feeds: readonly Feed[]): (readonly Feed[])[] {
  const groups: { elements: number; feeds: Feed[] }[] = [];
  for (const feed of feeds) {
    const elements = elementCount(feed.shape);
    const last = groups.at(-1);
    if (last !== undefined && last.elements + elements <= MAX_GROUP_ELEMENTS) {
      last.elements += elements;
      last.feeds.push(feed);
    } else {
      groups.push({ elements, feeds: [feed] });
    }
  }
  groups.sort((a, b) => b.elements - a.elements);
  return groups.map(({ feeds: group }) => group);
}

/** A program to be killed: `tsx appending.ts KIND FOLDER COUNT` goes on with an output, a few rows at a time. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Earlier } from '../../../src/output/store/earlier.js';
import type { StoreRow } from '../../../src/output/store/store.js';
import { computed, imagesOf, type Kind, layoutFor, listOf, SETTINGS, storeFor } from './made.js';

const [kind, folder, count] = process.argv.slice(2) as [Kind, string, string];
const images = imagesOf(Number(count));
const earlier = new Earlier({ retryFailed: false });
await earlier.add(layoutFor(kind, folder), SETTINGS);
const store = storeFor(kind, folder, { replace: true });
process.stdout.write('ready\n'); // and a line for each few rows that are written
for (let i = 0; i < images.length; i += 4) {
  const rows = images.slice(i, i + 4).map((image, j): StoreRow => {
    const kept = earlier.take(image.path, image.identity);
    return kept === undefined ? computed(kind, image, i + j) : { path: image.path, index: i + j, kept };
  });
  await store.append(rows);
  process.stdout.write(`${i}\n`);
  // As long as the network takes for those that are new.
  if (rows.some((row) => !('kept' in row))) await sleep(3);
}
await store.finish(listOf(images));
await earlier.close();
await earlier.cleanUp();

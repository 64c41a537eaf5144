/** Gives the memory of a long listing back. */

import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Until what held the listing has let go of it, in milliseconds. */
const PAUSE_MS = 20;

/**
 * Collects garbage now. Listing 100,000 files leaves 100 MB of it, and the run that follows allocates so little that V8
 * would keep all of it to the end.
 */
export async function collectGarbage(): Promise<void> {
  const collect = globalThis.gc ?? borrowedCollector();
  for (let pass = 0; pass < 2; pass += 1) {
    await sleep(PAUSE_MS);
    collect();
  }
}

/** V8 gives its collector to new contexts only while the flag is set, which is taken back at once. */
function borrowedCollector(): () => void {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as () => void;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

/**
 * The program, with small files in place of the registry's: `WEIGHTS` is JSON, by name what differs from the registry.
 * The program itself has no such switch.
 */

import { execute } from '@oclif/core';

const { KNOWN_WEIGHTS } = await import('../../../dist/models/catalog/published-weights.js');

for (const [name, change] of Object.entries(JSON.parse(process.env.WEIGHTS ?? '{}'))) {
  const known = KNOWN_WEIGHTS.find((each) => each.name === name);
  if (known === undefined) throw new Error(`Expected a name of the registry but received ${name}.`);
  Object.assign(known, change);
}

await execute({ dir: new URL('../../../bin/run.js', import.meta.url).href });

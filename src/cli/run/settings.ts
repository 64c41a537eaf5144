/** What the rows of a run were made with: rows of runs that differ in any of it do not mix. */

import { createHash } from 'node:crypto';
import type { Settings } from '../../output/store/journal.js';
import type { RunIdentity } from '../../services/pipeline/run.js';
import type { ImageRunFlags } from './image-run.js';

/** The command, the model and the preprocessing; each command adds its own flags that change values. */
export function runSettings(
  command: string,
  { card, modelHash, settings }: RunIdentity,
  flags: Pick<ImageRunFlags, 'auto-orient' | 'decode' | 'max-pixels'>,
): Settings {
  const { architecture, preset, labels } = card;
  return {
    command,
    // Generated weights have no file; their source names the seed.
    model: modelHash ?? card.source,
    classes: architecture.classifier?.classes ?? null,
    labels: labels === null ? null : createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16),
    preset,
    precision: settings.precision,
    'auto-orient': flags['auto-orient'],
    decode: flags.decode,
    'max-pixels': flags['max-pixels'],
  };
}

/** What the rows of a run were made with: rows of runs that differ in any of it do not mix. */

import { createHash } from 'node:crypto';
import type { Settings } from '../../output/store/journal.js';
import type { RunIdentity } from '../../services/pipeline/run.js';

/** The flags of every command that change the values of rows. */
export interface ValueFlags {
  readonly 'auto-orient': boolean;
  readonly decode: 'exact' | 'fast';
  readonly 'max-pixels': number;
}

/** The command, the model and the preprocessing; each command adds its own flags that change values. */
export function runSettings(command: string, { card, modelHash, settings }: RunIdentity, flags: ValueFlags): Settings {
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

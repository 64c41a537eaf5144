/** What takes long and depends on few flags begins before the rest is loaded. */

import { Engine } from '../../engine/engine.js';
import { availableThreads } from '../../machine/cpu.js';

export interface WarmUpFlags {
  readonly threads: number | 'auto';
  readonly 'dry-run'?: boolean | undefined;
}

/** Loads TensorFlow in its thread, while the command's own modules, its inputs and its model are on their way. */
export function warmUp(flags: WarmUpFlags): void {
  if (flags['dry-run'] === true) return;
  Engine.prepare({ threads: flags.threads === 'auto' ? availableThreads() : flags.threads });
}

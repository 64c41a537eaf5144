/** The only place that loads tfjs-node, and the environment that TensorFlow reads when it is loaded. */

import { createRequire } from 'node:module';
import util from 'node:util';
import { ExitCode, RunError } from '../errors.js';
import type { Addon } from './addon.js';
import { addonPath, installCommand } from './runtime.js';

export type TensorFlow = typeof import('@tensorflow/tfjs-node');

const require = createRequire(import.meta.url);

/**
 * Sets what TensorFlow reads from the environment. Call it in the main thread, before the engine's thread starts: a
 * worker's `process.env` is a copy that native code does not see. Values that the user has set stay.
 */
export function configureTensorFlow({ threads }: { readonly threads: number }): void {
  process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
}

/** Loads tfjs-node whole. Throws a RunError that says what to type when its native part is missing or broken. */
export function loadTensorFlow(): TensorFlow {
  restoreRemovedUtilities();
  return required('@tensorflow/tfjs-node');
}

/** Loads TensorFlow with tfjs-node's addon and none of its JavaScript. Throws as `loadTensorFlow` does. */
export function loadAddon(): Addon {
  return required(addonPath());
}

function required<T>(name: string): T {
  try {
    return require(name);
  } catch (error) {
    throw new RunError('RUNTIME_MISSING', `TensorFlow could not be loaded: ${firstLine(error)}`, {
      exitCode: ExitCode.Model,
      hint: installCommand(),
      cause: error,
    });
  }
}

/** tfjs-node 4.22 calls two functions that Node 23 removed from `util`. */
function restoreRemovedUtilities(): void {
  const utilities = util as unknown as Record<string, unknown>;
  utilities.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  utilities.isArray ??= Array.isArray;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

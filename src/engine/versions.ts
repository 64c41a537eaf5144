/** Which TensorFlow computes, without loading it: for the record of a run. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findRuntime } from './runtime.js';

const require = createRequire(import.meta.url);

export interface EngineVersions {
  /** `null` for tfjs-node's own download, which does not say. */
  readonly tensorflow: string | null;
  readonly tfjsNode: string | null;
}

export function engineVersions(): EngineVersions {
  const runtime = findRuntime();
  return {
    tensorflow: runtime === undefined ? null : field(join(runtime.folder, 'runtime.json'), 'tensorflow'),
    tfjsNode: field(require.resolve('@tensorflow/tfjs-node/package.json'), 'version'),
  };
}

function field(file: string, name: string): string | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8'))[name];
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

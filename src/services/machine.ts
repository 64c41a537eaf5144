/** Versions and processor, for the record of a run. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { decoderVersions } from '../image/versions.js';
import { cpuFeatures } from '../model/cpu.js';
import { findRuntime } from '../model/runtime.js';
import type { Machine } from '../output/run-record.js';

const require = createRequire(import.meta.url);

/** Loads nothing native but sharp, which the run has loaded already. */
export async function describeMachine(): Promise<Machine> {
  const { model, ...features } = cpuFeatures();
  const { sharp, libvips } = await decoderVersions();
  const runtime = findRuntime();
  return {
    versions: {
      vgg16: versionIn(new URL('../../package.json', import.meta.url)) ?? 'unknown',
      node: process.versions.node,
      tensorflow: runtime === undefined ? null : field(join(runtime.folder, 'runtime.json'), 'tensorflow'),
      'tfjs-node': versionIn(require.resolve('@tensorflow/tfjs-node/package.json')),
      sharp,
      libvips,
    },
    platform: `${process.platform}-${process.arch}`,
    cpu: {
      model,
      features: Object.entries(features).flatMap(([name, present]) => (present ? [name] : [])),
    },
  };
}

function versionIn(file: string | URL): string | null {
  return field(file, 'version');
}

function field(file: string | URL, name: string): string | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8'))[name];
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

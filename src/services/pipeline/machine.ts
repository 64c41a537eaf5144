/** Versions and processor, for the record of a run. */

import { readFile } from 'node:fs/promises';
import { engineVersions } from '../../engine/versions.js';
import { decoderVersions } from '../../images/pixels/versions.js';
import { cpuFeatures } from '../../machine/cpu.js';
import type { Machine } from '../../output/store/run-record.js';

/** Loads nothing native but sharp, which the run has loaded already. */
export async function describeMachine(): Promise<Machine> {
  const { model, ...features } = cpuFeatures();
  const { sharp, libvips } = await decoderVersions();
  const { tensorflow, tfjsNode } = engineVersions();
  const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
  return {
    versions: { vgg16: version, node: process.versions.node, tensorflow, 'tfjs-node': tfjsNode, sharp, libvips },
    platform: `${process.platform}-${process.arch}`,
    cpu: {
      model,
      features: Object.entries(features).flatMap(([name, present]) => (present ? [name] : [])),
    },
  };
}

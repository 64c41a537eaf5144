/** Stands small files in for those of the registry: their bytes are not to be had in tests. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type KnownWeights, knownWeights } from '../../../src/models/catalog/published-weights.js';
import { modelFixture } from '../../formats/files.js';

/** torchvision's names, 64 pixels, 7 classes. */
export const SLIM = readFileSync(modelFixture('slim-torchvision.pth'));

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** What the registry says of `name`, but for a file with these bytes, at this address. */
export function standIn(name: string, address: string, bytes: Buffer = SLIM): KnownWeights {
  const known = knownWeights(name);
  if (known === undefined) throw new Error(`Expected a name of the registry but received ${name}.`);
  return {
    ...known,
    url: `${address}/published/${known.file}`,
    bytes: bytes.length,
    slack: 0,
    hash: { algorithm: 'sha256', hex: sha256(bytes) },
  };
}

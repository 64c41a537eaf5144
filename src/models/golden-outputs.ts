/** Outputs that another implementation gave for models that ship with the tool, to check both the file and the machine. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Made by fixtures/models/make_golden.py. */
export interface Golden {
  /** Of the model's file, in hex. */
  readonly sha256: string;
  /** Of one image, whose byte `i` is `i * pixelStep % 256` (RGB, row by row). */
  readonly logits: readonly number[];
  readonly pixelStep: number;
  /** The other implementation. */
  readonly madeBy: string;
}

/** The same path from `src/` and from `dist/`. */
const FILE = fileURLToPath(new URL('../../fixtures/models/mini.golden.json', import.meta.url));

/** Those stored for the file with this hash, if any. */
export async function goldenOf(sha256: string | null): Promise<Golden | undefined> {
  const golden: Golden = JSON.parse(await readFile(FILE, 'utf8'));
  return golden.sha256 === sha256 ? golden : undefined;
}

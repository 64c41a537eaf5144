/** Models that are folders: their fixtures, what is expected of them, and damage. */

import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { RunError } from '../../src/errors.js';
import { readTensor } from '../../src/formats/weights/read.js';
import { type OpenOptions, openModel } from '../../src/models/open.js';
import type { PresetName } from '../../src/network/preset.js';
import { maxDifference, sessionOutputs, slimImages } from './export/numbers.js';

export const format = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/formats/${name}`, import.meta.url));

export interface Expected {
  readonly inputSize: number;
  /** One row an image. */
  readonly logits: readonly (readonly number[])[];
}

/** By fixture. */
export function expectedOf(name: string): Readonly<Record<string, Expected>> {
  return (JSON.parse(readFileSync(format(name), 'utf8')) as { files: Readonly<Record<string, Expected>> }).files;
}

export const open = (path: string, more: Partial<OpenOptions> = {}) =>
  openModel(path, { seed: 0, cacheDir: tmpdir(), env: {}, ...more });

/** A copy in `folder` of a fixture, what is compressed in it unpacked. */
export function unpacked(folder: string, name: string, copy = name): string {
  const path = join(folder, copy);
  mkdirSync(path, { recursive: true });
  cpSync(format(name), path, { recursive: true });
  for (const file of readdirSync(path).filter((each) => each.endsWith('.gz'))) {
    writeFileSync(join(path, file.slice(0, -'.gz'.length)), gunzipSync(readFileSync(join(path, file))));
    unlinkSync(join(path, file));
  }
  return path;
}

/** max |Δ| over the largest magnitude, of the logits that this tool computes with the model at `path`. */
export async function difference(path: string, { inputSize, logits }: Expected, preset?: PresetName): Promise<number> {
  const model = await open(path, preset === undefined ? {} : { preset });
  expect(model.card.architecture.inputSize).toBe(inputSize);
  const { fc8 = [] } = await sessionOutputs(model, slimImages(inputSize), ['fc8']);
  return maxDifference(fc8, logits.flat());
}

/** Opens a damaged model and reads its weights: it works, or the error is ours and one line. */
async function survives(path: string): Promise<'opened' | 'refused'> {
  try {
    const { weights } = await open(path, { preset: 'keras' });
    for (const { kernel, bias } of Object.values(weights)) {
      for (const source of [kernel, bias]) {
        if (source.kind !== 'stored') continue;
        await readTensor(
          source,
          source.shape.reduce((product, size) => product * size, 1),
        );
      }
    }
    return 'opened';
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    expect(error.exitCode).toBe(5);
    expect(error.message).toMatch(/^\P{Cc}{10,1000}\.$/u);
    return 'refused';
  }
}

/** Cuts one file of a model at each hundredth. */
export async function expectRefusedWhenCut(model: string, name: string): Promise<void> {
  const path = join(model, name);
  const bytes = readFileSync(path);
  try {
    for (let part = 0; part < 100; part++) {
      truncateSync(path, Math.floor((bytes.length * part) / 100));
      expect(await survives(model), `${name}, ${part} %`).toBe('refused');
      writeFileSync(path, bytes);
    }
  } finally {
    writeFileSync(path, bytes);
  }
}

/** Park and Miller's generator: the same damage in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

/** Changes one byte of a file at a time, `flips` of them. */
export async function expectSurvived(model: string, name: string, flips: number): Promise<void> {
  const path = join(model, name);
  const bytes = readFileSync(path);
  const random = generator(16);
  const memory = process.memoryUsage().rss;
  const found = { opened: 0, refused: 0 };
  try {
    for (let i = 0; i < flips; i++) {
      const damaged = Buffer.from(bytes);
      const at = random(bytes.length);
      damaged[at] = (bytes[at] as number) ^ (1 + random(255));
      writeFileSync(path, damaged);
      found[await survives(model)]++;
    }
  } finally {
    writeFileSync(path, bytes);
  }
  expect(found.refused, 'flips that were noticed').toBeGreaterThan(0);
  expect(await survives(model)).toBe('opened');
  expect(process.memoryUsage().rss - memory).toBeLessThan(400e6);
  expect(statSync(path).size).toBe(bytes.length);
}

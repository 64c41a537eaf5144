/** Damages files and opens them: either every tensor lies inside a file, or the error is ours, of one line, and exit code 5. */

import { statSync } from 'node:fs';
import { expect } from 'vitest';
import { ExitCode, RunError } from '../../../src/errors.js';
import { openModel } from '../../../src/models/open.js';
import type { FileRange, TensorSource } from '../../../src/network/tensors.js';
import { eachFlip, write } from '../files.js';

/** Also where a change of a name has made nobody's weights of it, which takes a --preset. */
async function survives(path: string): Promise<'opened' | 'refused'> {
  try {
    const { weights } = await openModel(path, { seed: 0, cacheDir: path, env: {} });
    for (const { kernel, bias } of Object.values(weights)) {
      for (const range of [...rangesOf(kernel), ...rangesOf(bias)]) {
        if (range.offset < 0 || range.offset + range.byteLength > statSync(range.file).size) {
          throw new Error(`a tensor lies outside of ${range.file}`);
        }
      }
    }
    return 'opened';
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    expect(error.message).toMatch(/^\P{Cc}{10,1000}\.$/u);
    expect(error.exitCode).toBe(error.code === 'USAGE' ? ExitCode.Usage : ExitCode.Model);
    return 'refused';
  }
}

function rangesOf(source: TensorSource): readonly FileRange[] {
  switch (source.kind) {
    case 'stored':
      if (source.place.kind === 'hdf5') throw new Error('Expected no HDF5.');
      return source.place.kind === 'range' ? [source.place] : source.place.pieces;
    case 'scaled':
      return rangesOf(source.of);
    case 'shifted':
      return [...rangesOf(source.bias), ...rangesOf(source.kernel)];
    default:
      return [];
  }
}

export async function survivesCuts(folder: string, bytes: Buffer, name: string): Promise<void> {
  for (let part = 1; part < 100; part++) {
    const cut = write(folder, name, bytes.subarray(0, Math.floor((bytes.length * part) / 100)));
    expect(await survives(cut), `${name}, ${part} %`).toBe('refused');
  }
}

/** Most memory that a damaged file of a few kilobytes may make the process grow by. */
const MAX_GROWTH = 300e6;

export async function survivesFlips(folder: string, bytes: Buffer, name: string, count: number): Promise<void> {
  const path = write(folder, name, bytes);
  expect(await survives(path)).toBe('opened');
  const memory = process.memoryUsage().rss;
  const found = { opened: 0, refused: 0 };
  await eachFlip(path, bytes, count, async () => {
    found[await survives(path)]++;
  });
  expect(await survives(path)).toBe('opened');
  // Both happen, or the damage is not where it matters.
  expect(Math.min(found.opened, found.refused)).toBeGreaterThan(count / 20);
  expect(process.memoryUsage().rss - memory).toBeLessThan(MAX_GROWTH);
}

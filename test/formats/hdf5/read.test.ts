import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RunError } from '../../../src/errors.js';
import { type Hdf5Dataset, type Hdf5Source, readHdf5, readHdf5Tree } from '../../../src/formats/hdf5/read.js';
import { readTensor } from '../../../src/formats/weights/read.js';
import type { Hdf5Place } from '../../../src/network/tensors.js';
import { WEIGHT_BYTES } from '../../../src/network/tensors.js';
import { FLIPS, failure, temporaryFolder, write } from '../files.js';

/** Written by fixtures/formats/make_keras.py with h5py. */
const fixture = (name: string): string => fileURLToPath(new URL(`../../../fixtures/formats/${name}`, import.meta.url));
const SMALL = readFileSync(fixture('hdf5-small.h5'));

const folder = temporaryFolder();
const whole = (file: string, bytes: Buffer): Hdf5Source => ({ file, start: 0, byteLength: bytes.length });
const small = whole(fixture('hdf5-small.h5'), SMALL);
const many = whole(fixture('hdf5-many.h5'), readFileSync(fixture('hdf5-many.h5')));

function elementsIn({ shape }: Hdf5Dataset): number {
  return shape.reduce((product, size) => product * size, 1);
}

async function valuesOf(source: Hdf5Source, path: string): Promise<readonly number[]> {
  const dataset = (await readHdf5Tree(source)).datasets.get(path);
  if (dataset?.place === undefined) throw new Error(`Expected numbers at ${path} but there are none.`);
  const { place, shape } = dataset;
  return Array.from(await readTensor({ kind: 'stored', place, shape }, elementsIn(dataset)));
}

const count = (to: number): readonly number[] => Array.from({ length: to }, (_, i) => i);

describe('readHdf5Tree', () => {
  it('lists groups, their texts, and datasets with shapes and types', async () => {
    const { groups, datasets } = await readHdf5Tree(small);
    expect(Object.fromEntries(groups.get('/')?.attributes ?? [])).toEqual({
      names: ['a', 'bc'],
      text: 'variable length',
    });
    expect(Object.fromEntries(groups.get('/a')?.attributes ?? [])).toEqual({ texts: ['x', 'yz'] });
    expect([...groups.keys()]).toEqual(['/', '/a']);
    expect([...datasets.values()]).toMatchObject([
      { path: '/a/count', shape: [], dtype: 'integer (8 bytes)', place: undefined },
      { path: '/a/f16', shape: [6, 4], dtype: 'float16', place: { kind: 'hdf5', type: 'f16', dataset: '/a/f16' } },
      { path: '/a/f32', shape: [4, 3], dtype: 'float32', place: { type: 'f32' } },
      { path: '/a/f64-big', shape: [5], dtype: 'float64', place: { type: 'f64' } },
      { path: '/a/scalar', shape: [], dtype: 'float32', place: { type: 'f32' } },
      // A link inside the file is what it leads to.
      { path: '/again', shape: [], dtype: 'float32', place: { type: 'f32', dataset: '/again' } },
    ]);
  });

  it('refuses a dataset that claims more than the file can hold', async () => {
    // The f16 dataset's shape in its header: 6 and 4, as current and as largest size.
    const bytes = Buffer.from(SMALL);
    const [rows, columns] = [6n, 4n];
    const shape = Buffer.alloc(16);
    shape.writeBigUInt64LE(rows, 0);
    shape.writeBigUInt64LE(columns, 8);
    const at = bytes.indexOf(shape);
    expect(at).toBeGreaterThan(0);
    bytes.writeBigUInt64LE(1n << 40n, at);
    bytes.writeBigUInt64LE(1n << 40n, at + 16);
    const { message } = await failure(readHdf5Tree(whole(write(folder, 'claims.h5', bytes), bytes)));
    expect(message).toMatch(/is damaged or truncated/);
  });

  it('refuses more groups than a model has, counted as often as they are linked', async () => {
    const { message } = await failure(readHdf5Tree(many));
    expect(message).toMatch(/it has more than 20000 groups and datasets\.$/);
  });

  it('ends libhdf5 when it does not come back, and goes on with another', async () => {
    // It takes half a second over this file: an answer cannot be there before this thread sees that the time is over.
    const error = await failure(readHdf5Tree(many, { timeLimit: 0 }));
    expect(error.message).toMatch(/libhdf5 did not come back in 0 ms\.$/);
    expect(await valuesOf(small, '/a/f32')).toEqual(count(12));
  });

  it('answers requests that come at once each for itself', async () => {
    const bad = whole(write(folder, 'bad.h5', Buffer.from('no HDF5')), Buffer.from('no HDF5'));
    const [first, second, third] = await Promise.allSettled([
      valuesOf(small, '/a/f32'),
      readHdf5Tree(bad),
      valuesOf(small, '/a/f16'),
    ]);
    expect(first).toMatchObject({ value: count(12) });
    expect(second).toMatchObject({ reason: { code: 'MODEL_INVALID' } });
    expect(third).toMatchObject({ value: count(24) });
  });
});

describe('readHdf5', () => {
  it('reads contiguous, compressed, big-endian and single numbers', async () => {
    expect(await valuesOf(small, '/a/f32')).toEqual(count(12));
    expect(await valuesOf(small, '/a/f16')).toEqual(count(24));
    expect(await valuesOf(small, '/a/f64-big')).toEqual(count(5));
    expect(await valuesOf(small, '/a/scalar')).toEqual([1.5]);
  });

  it('reads HDF5 that begins in the middle of a file', async () => {
    const before = Buffer.alloc(1234, 7);
    const file = write(folder, 'middle', Buffer.concat([before, SMALL, Buffer.alloc(99)]));
    const source = { file, start: before.length, byteLength: SMALL.length };
    expect(await valuesOf(source, '/a/f16')).toEqual(count(24));
  });

  it('refuses another number of bytes than there are', async () => {
    const { datasets } = await readHdf5Tree(small);
    const place = datasets.get('/a/f32')?.place as Hdf5Place;
    const error = await failure(readHdf5(place, 52));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
  });

  it('reads no other file, whatever the file says', async () => {
    const bytes = readFileSync(fixture('hdf5-outside.h5'));
    const { datasets } = await readHdf5Tree(whole(fixture('hdf5-outside.h5'), bytes));
    expect([...datasets.keys()]).toEqual(['/external', '/virtual']);
    const external = datasets.get('/external')?.place as Hdf5Place;
    await expect(readHdf5(external, 8)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    // libhdf5 gives the fill value where the source of a virtual dataset is missing; its numbers are 0 and 3.
    const virtual = datasets.get('/virtual')?.place as Hdf5Place;
    expect(Array.from(new Float32Array(await readHdf5(virtual, 8)))).toEqual([0, 0]);
  });
});

/** Reads all that there is: an answer, or an error of ours in one line. */
async function survives(source: Hdf5Source, data: boolean): Promise<'read' | 'refused'> {
  try {
    const { datasets } = await readHdf5Tree(source, { timeLimit: 1000 });
    for (const dataset of data ? datasets.values() : []) {
      if (dataset.place !== undefined) {
        await readHdf5(dataset.place, elementsIn(dataset) * WEIGHT_BYTES[dataset.place.type]);
      }
    }
    return 'read';
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    expect(error).toMatchObject({ code: 'MODEL_INVALID', exitCode: 5 });
    expect(error.message).toMatch(/^\P{Cc}{10,1000}\.$/u);
    return 'refused';
  }
}

describe('damage', () => {
  it('is refused wherever the file is cut off', async () => {
    for (let part = 0; part < 100; part++) {
      const cut = SMALL.subarray(0, Math.floor((SMALL.length * part) / 100));
      expect(await survives(whole(write(folder, 'cut.h5', cut), cut), true), `${part} %`).toBe('refused');
    }
  });

  it(`ends in numbers or in a clear error for ${FLIPS} bytes changed`, { timeout: 600_000 }, async () => {
    const file = write(folder, 'flipped.h5', SMALL);
    const source = whole(file, SMALL);
    const results = { read: 0, refused: 0 };
    const memory = process.memoryUsage().rss;
    // Park and Miller's generator: the same damage in every run.
    let state = 16;
    const random = (below: number) => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const fd = openSync(file, 'r+');
    try {
      for (let i = 0; i < FLIPS; i++) {
        const position = random(SMALL.length);
        const original = SMALL[position] as number;
        writeSync(fd, Buffer.of(original ^ (1 + random(255))), 0, 1, position);
        results[await survives(source, i % 10 === 0)]++;
        writeSync(fd, Buffer.of(original), 0, 1, position);
      }
    } finally {
      closeSync(fd);
    }
    expect(results.refused).toBeGreaterThan(FLIPS / 100);
    expect(await survives(source, true)).toBe('read');
    expect(process.memoryUsage().rss - memory).toBeLessThan(400e6);
  });
});

import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NPY_HEADER_BYTES, npyHeader, readNpy } from '../../../src/output/arrays/npy.js';
import type { ArrayDType } from '../../../src/output/arrays/spec.js';
import { python, runPython } from '../../python.js';
import { bytesOf, expectCutOffRefused, fixture, sample, storedBytes, writeNpy } from './files.js';

const EXPECTED: { npyHeaders: { rows: number; shape: number[]; dtype: ArrayDType; hex: string }[] } = JSON.parse(
  readFileSync(fixture('expected.json'), 'utf8'),
);
const POOL5 = { name: 'pool5', shape: [7, 7, 512], dtype: 'f32' } as const;
const FC7 = { name: 'fc7', shape: [4096], dtype: 'f32' } as const;

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-npy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('npyHeader', () => {
  it('is the header that NumPy writes, byte for byte', () => {
    expect(EXPECTED.npyHeaders.length).toBeGreaterThan(20);
    for (const { rows, shape, dtype, hex } of EXPECTED.npyHeaders) {
      expect(npyHeader({ name: 'x', shape, dtype }, rows).toString('hex')).toBe(hex);
    }
  });

  it('takes the same aligned room for any number of rows, so that it can be written again in place', () => {
    expect(NPY_HEADER_BYTES % 64).toBe(0);
    for (const rows of [0, 9, 10, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(npyHeader({ ...POOL5, shape: [224, 224, 64] }, rows)).toHaveLength(NPY_HEADER_BYTES);
    }
  });

  it('refuses a shape that does not fit, before anything is written', () => {
    const shape = Array.from({ length: 20 }, () => 1000);
    expect(() => npyHeader({ ...FC7, shape }, 1)).toThrow('Expected an NPY header of at most 117 bytes for fc7');
  });
});

describe('readNpy', () => {
  it.each([
    ['f32.npy', { rows: 3, shape: [2, 2], dtype: 'f32', dataStart: 128 }],
    ['f16.npy', { rows: 2, shape: [5], dtype: 'f16', dataStart: 128 }],
    ['empty.npy', { rows: 0, shape: [4], dtype: 'f32', dataStart: 128 }],
    ['version-2.npy', { rows: 3, shape: [2, 2], dtype: 'f32', dataStart: 128 }],
    ['version-3.npy', { rows: 3, shape: [2, 2], dtype: 'f32', dataStart: 128 }],
  ])('reads %s, which NumPy wrote', async (file, expected) => {
    const stored = await readNpy(fixture(file), 'fc7');
    expect(stored).toEqual({ ...expected, name: 'fc7', file: fixture(file) });
    expect(storedBytes(stored)).toEqual(readFileSync(fixture(file)).subarray(stored.dataStart));
  });

  it.each([
    ['refused-f64.npy', "type '<f4' or '<f2' in .* but it has '<f8'"],
    ['refused-big-endian.npy', "but it has '>f4'"],
    ['refused-fortran.npy', 'Expected rows one after the other .* Fortran order'],
    ['refused-fields.npy', 'Expected an array of one type of number'],
    ['refused-scalar.npy', 'Expected rows of numbers .* the shape of its array is \\(\\)'],
    ['rows.safetensors', 'Expected an NPY file but .* does not start like one'],
    ['missing.npy', 'as NPY but it does not exist'],
    ['', 'Expected a file of NPY but .* is not a regular file'],
  ])('refuses %s with the reason', async (file, reason) => {
    await expect(readNpy(fixture(file), 'x')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(reason),
    });
  });

  it('reads what is written here: no row, one row, pool5 whole', async () => {
    for (const [spec, rows] of [
      [FC7, 0],
      [FC7, 1],
      [POOL5, 2],
    ] as const) {
      const numbers = sample(rows * spec.shape.reduce((a, b) => a * b, 1));
      const written = writeNpy(at('a.npy'), spec, rows, numbers);
      expect(await readNpy(at('a.npy'), spec.name)).toEqual(written);
      expect(storedBytes(written)).toEqual(bytesOf(numbers));
    }
  });

  it('refuses a file that is cut off anywhere, or goes on after its last row', async () => {
    writeNpy(at('a.npy'), FC7, 3, sample(3 * 4096));
    await expectCutOffRefused(at('a.npy'), at('cut.npy'), (path) => readNpy(path, 'fc7'));
    appendFileSync(at('a.npy'), 'x');
    await expect(readNpy(at('a.npy'), 'fc7')).rejects.toThrow('Expected 49152 bytes of numbers');
  });

  it('gives the whole rows of a partial file when asked, whatever its header counts', async () => {
    writeNpy(at('a.npy'), FC7, 0, sample(3 * 4096 - 1));
    expect(await readNpy(at('a.npy'), 'fc7', { partial: true })).toMatchObject({ rows: 2 });
    writeNpy(at('a.npy'), FC7, 9, sample(4096));
    expect(await readNpy(at('a.npy'), 'fc7', { partial: true })).toMatchObject({ rows: 1 });
  });

  it('allocates nothing for a header that claims 4 GB, and takes no other Python for a dictionary', async () => {
    const start = Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1');
    writeFileSync(at('a.npy'), start);
    await expect(readNpy(at('a.npy'), 'x')).rejects.toThrow('at most 65535 bytes but');
    for (const text of [
      `{'descr': '<f4', 'fortran_order': False, 'shape': (${'9'.repeat(20)}, 2), }`,
      `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }`,
      `{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os'), }`,
      `{'descr': '<f4', 'fortran_order': False, }`,
      `${'{'.repeat(60_000)}`,
      `{${"'shape': (), ".repeat(4000)}`,
    ]) {
      const header = Buffer.from('\x93NUMPY\x01\x00\0\0', 'latin1');
      header.writeUInt16LE(text.length, 8);
      writeFileSync(at('a.npy'), Buffer.concat([header, Buffer.from(text)]));
      await expect(readNpy(at('a.npy'), 'x')).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});

const numpy = python(['numpy']);

it.skipIf(numpy === undefined)('NumPy (skipped without) reads what is written here, also while it grows', () => {
  const numbers = sample(2 * 25_088);
  writeNpy(at('a.npy'), POOL5, 2, numbers);
  writeNpy(at('b.npy'), { ...FC7, dtype: 'f16' }, 1, new Uint16Array(4096).fill(0x3c00));
  writeNpy(at('c.npy'), FC7, 1, sample(2 * 4096 + 5));
  const script = `
import hashlib, json, sys, numpy as np
arrays = [np.load(path) for path in sys.argv[1:]]
print(json.dumps([[a.shape, str(a.dtype), hashlib.sha256(a.tobytes()).hexdigest() if i == 0 else float(a[0, 1])] for i, a in enumerate(arrays)]))`;
  const hash = createHash('sha256').update(bytesOf(numbers)).digest('hex');
  expect(runPython(numpy, script, [at('a.npy'), at('b.npy'), at('c.npy')])).toEqual([
    [[2, 7, 7, 512], 'float32', hash],
    [[1, 4096], 'float16', 1],
    [[1, 4096], 'float32', sample(2)[1]],
  ]);
});

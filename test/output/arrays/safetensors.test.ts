import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readNpy } from '../../../src/output/arrays/npy.js';
import { readSafetensorsRows, writeSafetensors } from '../../../src/output/arrays/safetensors.js';
import { python, runPython } from '../../python.js';
import { expectCutOffRefused, fixture, sample, storedBytes, writeNpy } from './files.js';

const FC7 = { name: 'fc7', shape: [4096], dtype: 'f32' } as const;
const POOL5 = { name: 'pool5', shape: [7, 7, 512], dtype: 'f32' } as const;
const HALF = { name: 'fc6', shape: [3], dtype: 'f16' } as const;
/** More than is copied at a time. */
const ROWS = 300;

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-safetensors-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sources(rows: number) {
  return [
    writeNpy(
      at('fc6.npy'),
      HALF,
      rows,
      Uint16Array.from({ length: rows * 3 }, (_, index) => index),
    ),
    writeNpy(at('pool5.npy'), POOL5, Math.min(rows, 2), sample(Math.min(rows, 2) * 25_088, 2)),
    writeNpy(at('fc7.npy'), FC7, rows, sample(rows * 4096)),
  ];
}

describe('writeSafetensors', () => {
  it('writes the bytes that the safetensors library writes', async () => {
    const f32 = await readNpy(fixture('f32.npy'), 'pool5');
    const halves = Buffer.concat([0, 5].map((start) => storedHalves().subarray(start * 2, start * 2 + 6)));
    const fc6 = writeNpy(at('fc6.npy'), HALF, 2, new Uint16Array(Uint8Array.from(halves).buffer));
    const fc7 = { ...f32, name: 'fc7', shape: [4] };
    await writeSafetensors(at('a.safetensors'), [fc6, f32, fc7], { vgg16: 'é "quoted"\n' });
    expect(readFileSync(at('a.safetensors'))).toEqual(readFileSync(fixture('rows.safetensors')));
  });

  it.each([0, 1, ROWS])(
    'gives %i rows back, and the same bytes whatever the order of arrays and texts',
    async (rows) => {
      const arrays = sources(rows);
      await writeSafetensors(at('a.safetensors'), arrays, { b: '2', a: 'é\u0000' });
      await writeSafetensors(at('b.safetensors'), [...arrays].reverse(), { a: 'é\u0000', b: '2' });
      expect(readFileSync(at('a.safetensors')).equals(readFileSync(at('b.safetensors')))).toBe(true);
      const read = await readSafetensorsRows(at('a.safetensors'));
      expect(read.metadata).toEqual({ a: 'é\u0000', b: '2' });
      expect(read.arrays.map(({ name }) => name)).toEqual(['fc7', 'pool5', 'fc6']);
      for (const array of read.arrays) {
        const source = arrays.find(({ name }) => name === array.name);
        expect(array).toMatchObject({ shape: source?.shape, dtype: source?.dtype, rows: source?.rows });
        expect(array.dataStart % (array.dtype === 'f32' ? 8 : 2)).toBe(0);
        expect(storedBytes(array).equals(source === undefined ? Buffer.alloc(0) : storedBytes(source))).toBe(true);
      }
    },
  );

  it('never replaces a file, and leaves none behind when the rows are not all there', async () => {
    const arrays = sources(2);
    writeFileSync(at('a.safetensors'), 'mine');
    await expect(writeSafetensors(at('a.safetensors'), arrays, {})).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(readFileSync(at('a.safetensors'), 'utf8')).toBe('mine');
    truncateSync(at('fc7.npy'), 1000);
    await expect(writeSafetensors(at('b.safetensors'), arrays, {})).rejects.toThrow('Expected 2 rows of fc7');
    expect(existsSync(at('b.safetensors'))).toBe(false);
  });

  it('wants a name of its own for each array', async () => {
    const [array] = sources(1);
    if (array === undefined) throw new Error('no array');
    for (const arrays of [[array, array], [{ ...array, name: '__metadata__' }]]) {
      await expect(writeSafetensors(at('a.safetensors'), arrays, {})).rejects.toThrow('a name of its own');
    }
  });
});

describe('readSafetensorsRows', () => {
  it('refuses a file that is cut off anywhere', async () => {
    await writeSafetensors(at('a.safetensors'), sources(3), { a: 'b' });
    await expectCutOffRefused(at('a.safetensors'), at('cut'), readSafetensorsRows);
  });

  it.each([
    ['no object', '[]', 0, 'Expected an object'],
    ['no JSON', '{"a":', 0, 'is not JSON'],
    ['metadata that is no text', '{"__metadata__":{"a":1}}', 0, 'Expected texts'],
    ['another type', '{"a":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}}', 2, 'Expected F32 or F16 for "a"'],
    ['no rows', '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4, 'Expected the shape of rows'],
    ['sizes below zero', '{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}', 4, 'the shape of rows'],
    ['a huge shape', '{"a":{"dtype":"F32","shape":[9007199254740991,9],"data_offsets":[0,4]}}', 4, 'shape of rows'],
    ['another length', '{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,4]}}', 4, 'a place of 8 bytes'],
    ['a gap', '{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}', 8, 'without gap or overlap'],
    ['bytes behind', '{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}', 9, 'to end after'],
  ])('refuses %s', async (_, header, dataBytes, reason) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(at('a'), Buffer.concat([length, Buffer.from(header), Buffer.alloc(dataBytes)]));
    await expect(readSafetensorsRows(at('a'))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(reason),
    });
  });

  it('allocates nothing for a header that claims more than there can be', async () => {
    writeFileSync(at('a'), Buffer.alloc(16, 255));
    await expect(readSafetensorsRows(at('a'))).rejects.toThrow('at most 8388608 bytes');
  });
});

const library = python(['numpy', 'safetensors']);

it.skipIf(library === undefined)('the safetensors library (skipped without) reads what is written here', async () => {
  await writeSafetensors(at('a.safetensors'), sources(ROWS), { order: 'index' });
  const script = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], 'np') as file:
    arrays = {key: file.get_tensor(key) for key in file.keys()}
    print(json.dumps([file.metadata(), {key: [a.shape, str(a.dtype), float(a[-1].ravel()[-1])] for key, a in arrays.items()}]))`;
  const last = sample(ROWS * 4096).at(-1);
  expect(runPython(library, script, [at('a.safetensors')])).toEqual([
    { order: 'index' },
    {
      fc6: [[ROWS, 3], 'float16', expect.any(Number)],
      fc7: [[ROWS, 4096], 'float32', last],
      pool5: [[2, 7, 7, 512], 'float32', sample(2 * 25_088, 2).at(-1)],
    },
  ]);
});

function storedHalves(): Buffer {
  return readFileSync(fixture('f16.npy')).subarray(128);
}

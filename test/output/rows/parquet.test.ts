import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { ArraySpec } from '../../../src/output/arrays/spec.js';
import {
  type Batch,
  type Column,
  type ParquetCell,
  readParquet,
  rowsPerGroup,
  writeParquet,
} from '../../../src/output/rows/parquet.js';
import { python, runPython } from '../../python.js';
import { SOAK } from '../../soak.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg16-parquet-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const COLUMNS: readonly Column[] = [
  { name: 'path', type: 'string', nullable: false },
  { name: 'index', type: 'int64', nullable: false },
  { name: 'width', type: 'int32', nullable: true },
  { name: 'prob', type: 'float', nullable: true },
  { name: 'gray', type: 'bool', nullable: true },
  { name: 'a.b "c"', type: 'string', nullable: true },
];

const ARRAYS: readonly ArraySpec[] = [
  { name: 'fc7', shape: [8], dtype: 'f32' },
  { name: 'pool5', shape: [2, 3], dtype: 'f16' },
];

const TABLE = { columns: COLUMNS, arrays: ARRAYS, metadata: { model: 'mini', license: 'CC BY 4.0 “x”' } };

/** Paths that a careless reader or writer changes. */
const PATHS = ['a.jpg', '', '\ufeffbom.jpg', 'é/日本/😀.jpg', 'x\n"y",\u001b[31m\u2028z.jpg', '\\xff', 'null', '\0'];

function rowsFrom(start: number, count: number): Batch {
  const rows = Array.from({ length: count }, (_, i) => start + i);
  const cells = rows.map((row): ParquetCell[] => [
    `${PATHS[row % PATHS.length]}${row < PATHS.length ? '' : row}`,
    row === 1 ? Number.MAX_SAFE_INTEGER : row,
    row % 3 === 0 ? null : row - 2 ** 31,
    row % 4 === 0 ? null : Math.fround(row / 7),
    row % 5 === 0 ? null : row % 2 === 0,
    row % 2 === 0 ? null : `${row}`,
  ]);
  const fc7 = Float32Array.from({ length: count * 8 }, (_, i) => (i % 8 === 0 ? 1e-45 : Math.sin(start * 8 + i)));
  const pool5 = Uint16Array.from({ length: count * 6 }, (_, i) => (start * 6 + i) % 0x7c00);
  return { cells, arrays: [fc7, pool5], blank: rows.map((row) => row % 7 === 3) };
}

async function* batches(counts: readonly number[]): AsyncGenerator<Batch> {
  let start = 0;
  for (const count of counts) {
    yield rowsFrom(start, count);
    start += count;
  }
}

let files = 0;
const fresh = () => join(folder, `${files++}.parquet`);

async function written(counts: readonly number[]): Promise<string> {
  const file = fresh();
  await writeParquet(file, TABLE, batches(counts));
  return file;
}

async function readAll(file: string): Promise<Batch[]> {
  const found = await readParquet(file);
  const all: Batch[] = [];
  for await (const batch of found.batches) all.push(batch);
  return all;
}

/** As it is read: a blank row's numbers are NaN. */
function blanked({ cells, arrays, blank }: Batch): Batch {
  const filled = arrays.map((array, i) => {
    const length = i === 0 ? 8 : 6;
    const copy = array.slice();
    for (const [row, isBlank] of blank.entries()) {
      if (isBlank) copy.fill(i === 0 ? Number.NaN : 0x7e00, row * length, (row + 1) * length);
    }
    return copy;
  });
  return { cells, arrays: filled, blank };
}

describe('a table', () => {
  test('comes back as it was: cells, numbers to the bit, rows without numbers, metadata', async () => {
    const file = await written([20]);
    expect(await readParquet(file)).toMatchObject({ ...TABLE, rows: 20 });
    expect(await readAll(file)).toEqual([blanked(rowsFrom(0, 20))]);
  });

  test('comes back in row groups, whatever the batches were', async () => {
    const wide: ArraySpec = { name: 'wide', shape: [1 << 20], dtype: 'f32' };
    expect(rowsPerGroup([wide])).toBe(4);
    const file = fresh();
    const batch = (count: number, start: number): Batch => ({
      cells: Array.from({ length: count }, (_, i) => [`${start + i}`]),
      arrays: [new Float32Array(count << 20).fill(start)],
      blank: Array.from({ length: count }, () => false),
    });
    const columns = COLUMNS.slice(0, 1);
    async function* source() {
      yield batch(1, 0);
      yield batch(0, 0);
      yield batch(5, 1);
    }
    await writeParquet(file, { columns, arrays: [wide], metadata: {} }, source());
    const all = await readAll(file);
    expect(all.map(({ cells }) => cells.flat())).toEqual([
      ['0', '1', '2', '3'],
      ['4', '5'],
    ]);
    expect(all.map(({ arrays }) => [arrays[0]?.[0], arrays[0]?.at(-1)])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  test.each([[[]], [[0, 0]]])('may have no rows: batches %j', async (counts) => {
    const file = await written(counts);
    expect(await readParquet(file)).toMatchObject({ ...TABLE, rows: 0 });
    expect(await readAll(file)).toEqual([]);
  });

  test('may have no arrays, and a row of more numbers than a group', async () => {
    const file = fresh();
    const columns = COLUMNS.slice(0, 1);
    await writeParquet(
      file,
      { columns, arrays: [], metadata: {} },
      (async function* () {
        yield { cells: [['a'], ['b']], arrays: [], blank: [false, false] };
      })(),
    );
    expect(await readAll(file)).toEqual([{ cells: [['a'], ['b']], arrays: [], blank: [false, false] }]);
    const huge: ArraySpec = { name: 'conv1_1', shape: [224, 224, 100], dtype: 'f32' };
    expect(rowsPerGroup([huge])).toBe(1);
    const big = fresh();
    const numbers = new Float32Array(224 * 224 * 100).map((_, i) => i);
    await writeParquet(
      big,
      { columns, arrays: [huge], metadata: {} },
      (async function* () {
        for (const path of ['a', 'b']) yield { cells: [[path]], arrays: [numbers], blank: [false] };
      })(),
    );
    const [first, second] = await readAll(big);
    expect(Buffer.from(first?.arrays[0]?.buffer as ArrayBuffer).includes(Buffer.from(numbers.buffer))).toBe(true);
    expect(second?.cells).toEqual([['b']]);
  });

  test('has the same bytes each time it is written', async () => {
    const [first, second] = [readFileSync(await written([9, 11])), readFileSync(await written([9, 11]))];
    expect(first.equals(second)).toBe(true);
    expect(first.includes('ARROW:schema')).toBe(true);
  });

  test.each([
    ['a null that the column has not', [['a', null, 1, 1, true, null]]],
    ['a text for a number', [['a', 'b', 1, 1, true, null]]],
    ['an int32 too large', [['a', 0, 2 ** 31, 1, true, null]]],
    ['a cell too few', [['a', 0, 1, 1, true]]],
  ] as const)('refuses %s and leaves no file', async (_, cells) => {
    const file = fresh();
    const { arrays } = rowsFrom(0, 1);
    async function* source() {
      yield { cells, arrays, blank: [false] };
    }
    await expect(writeParquet(file, TABLE, source())).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  test('refuses arrays of another length and names that are there twice', async () => {
    async function* short() {
      yield { ...rowsFrom(0, 2), arrays: rowsFrom(0, 1).arrays };
    }
    await expect(writeParquet(fresh(), TABLE, short())).rejects.toMatchObject({ code: 'INTERNAL' });
    const twice = { ...TABLE, arrays: [{ name: 'path', shape: [1], dtype: 'f32' as const }] };
    await expect(writeParquet(fresh(), twice, batches([]))).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('what fails', () => {
  test('a file that is there is not touched', async () => {
    const file = fresh();
    writeFileSync(file, 'precious');
    await expect(writeParquet(file, TABLE, batches([1]))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  test('a full disk rejects with its own error, ends the source and leaves no file', async () => {
    const probe = await open(folder);
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const append = vi.spyOn(Object.getPrototypeOf(probe), 'appendFile').mockRejectedValue(full);
    await probe.close();
    const file = fresh();
    let ended = false;
    let given = 0;
    async function* source() {
      try {
        for (; given < 50; given += 1) yield rowsFrom(0, rowsPerGroup(ARRAYS));
      } finally {
        ended = true;
      }
    }
    await expect(writeParquet(file, TABLE, source())).rejects.toBe(full);
    expect(append).toHaveBeenCalledTimes(1);
    expect(ended).toBe(true);
    expect(given).toBeLessThan(10);
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  test('an error of the source comes through', async () => {
    const failure = new Error('gone');
    async function* source() {
      yield rowsFrom(0, 3);
      throw failure;
    }
    await expect(writeParquet(fresh(), TABLE, source())).rejects.toBe(failure);
  });
});

describe('a damaged file is refused in a sentence', () => {
  const refused = {
    code: 'OUTPUT_FAILED',
    exitCode: 1,
    message: expect.stringMatching(/^Expected a whole Parquet file of vgg16 but .* is not: .*\.$/),
  };

  test('cut off at every 1/50', async () => {
    const whole = readFileSync(await written([20]));
    const copy = fresh();
    for (let part = 0; part < 50; part += 1) {
      writeFileSync(copy, whole.subarray(0, Math.floor((whole.length * part) / 50)));
      await expect(readAll(copy), `cut off at ${part}/50`).rejects.toMatchObject(refused);
    }
  });

  test('any byte changed, in the numbers too', async () => {
    const step = SOAK ? 7 : 7 * 19;
    const whole = readFileSync(await written([20]));
    const copy = fresh();
    for (let at = 0; at < whole.length; at += step) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      writeFileSync(copy, damaged);
      await expect(readAll(copy), `byte ${at}`).rejects.toMatchObject(refused);
    }
  });

  test('bytes added, another format, a file that is not there', async () => {
    const copy = fresh();
    const whole = readFileSync(await written([20]));
    for (const bytes of [
      Buffer.concat([whole, whole]),
      Buffer.concat([whole, Buffer.from('\n')]),
      Buffer.alloc(4096),
    ]) {
      writeFileSync(copy, bytes);
      await expect(readParquet(copy)).rejects.toMatchObject(refused);
    }
    await expect(readParquet(join(folder, 'none'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});

/** What each of three readers sees of the rows, floats as their sums. */
const READERS = `
import json, sys
import duckdb, pandas, polars, pyarrow.parquet
f = sys.argv[1]
n = lambda values: [None if v is None or v != v else v for v in values]
d = pandas.read_parquet(f)
p = polars.read_parquet(f)
q = duckdb.sql(f"select * from '{f}' order by rowid" if False else f"select * from read_parquet('{f}')").fetchall()
meta = pyarrow.parquet.read_metadata(f)
chunk = lambda i: meta.row_group(0).column(i)
print(json.dumps({
  'paths': [list(d.path), p['path'].to_list(), [r[0] for r in q]],
  'width': [n(d.width.astype(object).where(d.width.notna(), None)), p['width'].to_list(), [r[2] for r in q]],
  'gray': [[None if v is None else bool(v) for v in d.gray], p['gray'].to_list(), [r[4] for r in q]],
  'quoted': [n(d['a.b "c"'].astype(object)), p['a.b "c"'].to_list(), [r[5] for r in q]],
  'fc7': [[None if v is None else [float(x) for x in v] for v in d.fc7],
          [None if v is None else list(v) for v in p['fc7'].to_list()],
          [None if r[6] is None else list(r[6]) for r in q]],
  'pool5': [[None if v is None else [float(x) for x in v] for v in d.pool5],
            [None if v is None else list(v) for v in p['pool5'].to_list()],
            [None if r[7] is None else list(r[7]) for r in q]],
  'dtypes': [str(d.fc7[0].dtype), str(d.pool5[0].dtype), str(p['fc7'].dtype), str(p['pool5'].dtype)],
  'codecs': [chunk(0).compression, chunk(6).compression, chunk(7).compression],
  'encodings': [list(chunk(6).encodings)],
  'created_by': meta.created_by,
  'about': json.loads(meta.metadata[b'vgg16'])['metadata'],
}))
`;

const interpreter = python(['pandas', 'duckdb', 'polars', 'pyarrow']);

test.skipIf(interpreter === undefined)(
  'pandas, DuckDB and Polars read it alike (needs a Python with pandas, duckdb, polars and pyarrow)',
  async () => {
    const file = await written([20]);
    const expected = rowsFrom(0, 20);
    const found = runPython(interpreter, READERS, [file]) as Record<string, unknown>;
    const column = (i: number) => expected.cells.map((row) => row[i]);
    const lists = (numbers: readonly number[], length: number) =>
      expected.blank.map((isBlank, row) => (isBlank ? null : numbers.slice(row * length, (row + 1) * length)));
    const halves = Array.from(expected.arrays[1] as Uint16Array, (bits) =>
      bits < 0x400 ? bits * 2 ** -24 : 2 ** ((bits >> 10) - 15) * (1 + (bits & 0x3ff) / 1024),
    );
    const thrice = (value: unknown) => [value, value, value];
    expect(found).toMatchObject({
      paths: thrice(column(0)),
      width: thrice(column(2)),
      gray: thrice(column(4)),
      quoted: thrice(column(5)),
      fc7: thrice(lists([...(expected.arrays[0] as Float32Array)], 8)),
      pool5: thrice(lists(halves, 6)),
      dtypes: ['float32', 'float16', 'Array(Float32, shape=(8,))', 'Array(Float16, shape=(6,))'],
      codecs: ['SNAPPY', 'UNCOMPRESSED', 'UNCOMPRESSED'],
      created_by: 'vgg16',
      about: TABLE.metadata,
    });
    expect(JSON.stringify(found.encodings)).not.toContain('DICTIONARY');
  },
  60_000,
);

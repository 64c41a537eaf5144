import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { NPY_HEADER_BYTES, readNpy } from '../../../src/output/arrays/npy.js';
import type { ArraySpec } from '../../../src/output/arrays/spec.js';
import { Scratch } from '../../../src/output/files/scratch.js';
import { type Column, type ParquetCell, readParquet } from '../../../src/output/rows/parquet.js';
import type { ExtractRow } from '../../../src/output/rows/records.js';
import { Earlier } from '../../../src/output/store/earlier.js';
import { journalPath, type Layout } from '../../../src/output/store/layout.js';
import {
  EXTRACT_COLUMNS,
  extractParquetLayout,
  parquetLayout,
  parquetText,
  tableText,
} from '../../../src/output/store/parquet-layout.js';
import { Store, type StoreRow } from '../../../src/output/store/store.js';

const root = mkdtempSync(join(tmpdir(), 'vgg16-parquet-layout-'));
afterAll(() => rmSync(root, { recursive: true }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, 'x'));
});

const SPECS: readonly ArraySpec[] = [
  { name: 'fc7', shape: [5], dtype: 'f32' },
  { name: 'pool5', shape: [3, 2], dtype: 'f16' },
];
const SETTINGS = { model: 'mini', layer: ['fc7', 'pool5'] };
const PATHS = ['a.jpg', '\ufeffbom.jpg', 'é/😀.jpg', 'x\n"y",\u2028\u2029z.jpg', '\ud800lone.jpg', '\\xff', ''];
const text = parquetText();

function rowAt(index: number, path = `${PATHS[index % PATHS.length]}${index}`): ExtractRow {
  const base = { path, index, identity: `${index}:1` };
  if (index % 4 === 2) {
    const error = { code: 'DECODE_FAILED', message: 'Expected a whole JPEG\nbut it is cut off.' } as const;
    return { ...base, status: 'error', error };
  }
  const fc7 = Float32Array.from({ length: 5 }, (_, i) => Math.sin(index * 5 + i));
  const pool5 = Uint16Array.from({ length: 6 }, (_, i) => index * 6 + i);
  const layers = [
    { layer: 'fc7', shape: [5], values: fc7 },
    { layer: 'pool5', shape: [3, 2], values: pool5 },
  ];
  return { ...base, status: 'ok', layers };
}

function stored(row: ExtractRow): StoreRow {
  const { path, index, identity } = row;
  const common = { path, index, identity, text: Buffer.from(text.encode([row])) };
  if (row.status === 'error') return { ...common, error: row.error, arrays: null };
  return { ...common, arrays: row.layers.map(({ values }) => new Uint8Array(values.buffer)) };
}

const storeFor = (layout: Layout, replace = false) =>
  new Store({ layout, settings: SETTINGS, shard: { index: 1, count: 1 }, head: text.header(), replace });

async function make(layout: Layout, rows: readonly ExtractRow[]): Promise<void> {
  const store = storeFor(layout);
  await store.append(rows.map(stored));
  expect(await store.finish('list')).toBe(true);
}

async function earlierOf(layout: Layout, retryFailed = false): Promise<Earlier> {
  const earlier = new Earlier({ retryFailed });
  await earlier.add(layout, SETTINGS);
  return earlier;
}

async function batchesIn(file: string) {
  const { batches, ...about } = await readParquet(file);
  const all = [];
  for await (const batch of batches) all.push(batch);
  return { ...about, all };
}

const ROWS = Array.from({ length: 12 }, (_, index) => rowAt(index));

describe('a run', () => {
  test('leaves a table, its journal and nothing else', async () => {
    const target = join(folder, 'x.parquet');
    await make(extractParquetLayout(target, SPECS), ROWS);
    expect(readdirSync(folder).sort()).toEqual(['x.parquet', 'x.parquet.journal']);
    const { all, columns, arrays, rows } = await batchesIn(target);
    expect({ columns, arrays, rows }).toEqual({ columns: EXTRACT_COLUMNS, arrays: SPECS, rows: 12 });
    const [batch] = all;
    expect(batch?.blank).toEqual(ROWS.map(({ status }) => status === 'error'));
    expect(batch?.cells[1]).toEqual([ROWS[1]?.path, 1, 'ok', null, null]);
    expect(batch?.cells[2]).toEqual([
      ROWS[2]?.path,
      2,
      'error',
      'DECODE_FAILED',
      'Expected a whole JPEG\nbut it is cut off.',
    ]);
    expect(batch?.cells[4]?.[0]).toBe('\ufffdlone.jpg4');
    expect(batch?.arrays[0]?.slice(5, 10)).toEqual(Float32Array.from({ length: 5 }, (_, i) => Math.sin(5 + i)));
  });

  test('with no rows, and one of more rows than a group', async () => {
    const empty = extractParquetLayout(join(folder, 'empty.parquet'), SPECS);
    await make(empty, []);
    expect(await batchesIn(empty.target)).toMatchObject({ rows: 0, all: [] });
    const wide: ArraySpec = { name: 'fc7', shape: [1 << 20], dtype: 'f32' };
    const layout = extractParquetLayout(join(folder, 'wide.parquet'), [wide]);
    const numbers = new Uint8Array(new Float32Array(1 << 20).fill(1.5).buffer);
    const store = storeFor(layout);
    const rows = Array.from({ length: 5 }, (_, index) => rowAt(index));
    await store.append(rows.map((row) => ({ ...stored(row), arrays: row.status === 'error' ? null : [numbers] })));
    await store.finish('list');
    const { all } = await batchesIn(layout.target);
    expect(all.map(({ cells, blank }) => [cells.length, blank])).toEqual([
      [4, [false, false, true, false]],
      [1, [false]],
    ]);
    const earlier = await earlierOf(layout);
    for (const row of rows) expect(earlier.take(row.path, row.identity)).toBeDefined();
    await earlier.close();
  });

  test('gives the same bytes again', async () => {
    const [a, b] = [join(folder, 'a.parquet'), join(folder, 'b.parquet')];
    for (const target of [a, b]) await make(extractParquetLayout(target, SPECS), ROWS);
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
  });
});

describe('a finished table', () => {
  test('gives all its rows to the next run, by their hashes, and leaves no scratch files', async () => {
    const layout = extractParquetLayout(join(folder, 'x.parquet'), SPECS);
    await make(layout, ROWS);
    const earlier = await earlierOf(layout);
    const store = storeFor(layout, true);
    for (const { path, index, identity } of ROWS) {
      const kept = earlier.take(path, identity);
      if (kept === undefined) throw new Error(`the row of ${path} is not sound`);
      await store.append([{ path, index, kept }]);
    }
    expect(await store.finish('list')).toBe(false);
    await earlier.close();
    expect(readdirSync(folder).sort()).toEqual(['x.parquet', 'x.parquet.journal']);
  });

  test('is continued: failed rows anew, the others at their new places', async () => {
    const layout = extractParquetLayout(join(folder, 'x.parquet'), SPECS);
    await make(layout, ROWS);
    const earlier = await earlierOf(layout, true);
    const store = storeFor(layout, true);
    let computed = 0;
    for (const [k, { path, identity }] of [...ROWS].reverse().entries()) {
      const kept = earlier.take(path, identity);
      if (kept === undefined) computed += 1;
      await store.append([kept === undefined ? stored({ ...rowAt(1, path), index: k }) : { path, index: k, kept }]);
    }
    expect(computed).toBe(3);
    expect(await store.finish('list')).toBe(true);
    await earlier.close();
    const { all } = await batchesIn(layout.target);
    expect(all[0]?.cells.map((cells) => cells[1])).toEqual(ROWS.map((_, index) => index));
    expect(all[0]?.blank).not.toContain(true);
    const again = await earlierOf(layout);
    for (const { path, identity, status } of ROWS) {
      expect(again.take(path, status === 'error' ? '1:1' : identity)).toBeDefined();
    }
    await again.close();
  });

  test('gives the spools back byte for byte, in files of scratch', async () => {
    const target = join(folder, 'x.parquet');
    const layout = extractParquetLayout(target, SPECS);
    await make(layout, ROWS);
    const scratch = new Scratch(target);
    const unpacked = await layout.unpack?.(scratch);
    if (unpacked === undefined) throw new Error('cannot be unpacked');
    expect(readFileSync(unpacked.text, 'utf8')).toBe(text.encode(ROWS));
    const blanks = [
      Buffer.from(new Float32Array(5).fill(Number.NaN).buffer),
      Buffer.from(new Uint16Array(6).fill(0x7e00).buffer),
    ];
    for (const [i, array] of unpacked.arrays.entries()) {
      const rows = ROWS.map((row) =>
        row.status === 'error' ? (blanks[i] as Buffer) : Buffer.from(row.layers[i]?.values.buffer as ArrayBuffer),
      );
      expect(readFileSync(array.file).subarray(NPY_HEADER_BYTES).equals(Buffer.concat(rows))).toBe(true);
      expect(await readNpy(array.file, array.name)).toEqual(array);
    }
    await unpacked.dispose();
    await scratch.dispose();
    expect(readdirSync(folder).sort()).toEqual(['x.parquet', 'x.parquet.journal']);
  });

  test('that is damaged or has other columns gives nothing and leaves no scratch files', async () => {
    const target = join(folder, 'x.parquet');
    const layout = extractParquetLayout(target, SPECS);
    await make(layout, ROWS);
    const other = parquetLayout(target, EXTRACT_COLUMNS, SPECS.slice(0, 1));
    const scratch = new Scratch(target);
    await expect(other.unpack?.(scratch)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    const bytes = readFileSync(target);
    bytes[100] = (bytes[100] as number) ^ 1;
    writeFileSync(target, bytes);
    await expect(layout.unpack?.(scratch)).rejects.toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
    await scratch.dispose();
    const earlier = await earlierOf(layout);
    expect(ROWS.filter(({ path, identity }) => earlier.take(path, identity) !== undefined)).toEqual([]);
    await earlier.close();
    expect(readdirSync(folder).sort()).toEqual(['x.parquet', 'x.parquet.journal']);
  });

  test('of which only the rows are a table: the arrays stay NPY files', async () => {
    const target = join(folder, 'rows.parquet');
    const arrays = SPECS.map((spec) => ({ spec, final: join(folder, `${spec.name}.npy`) }));
    const layout: Layout = { ...parquetLayout(target, EXTRACT_COLUMNS, []), arrays };
    await make(layout, ROWS);
    expect((await readParquet(target)).arrays).toEqual([]);
    const earlier = await earlierOf(layout);
    for (const { path, identity } of ROWS) expect(earlier.take(path, identity)).toBeDefined();
    await earlier.close();
  });
});

describe('the text of rows', () => {
  const columns: readonly Column[] = [
    { name: 'index', type: 'int64', nullable: false },
    { name: 'path', type: 'string', nullable: false },
    { name: 'prob', type: 'float', nullable: true },
    { name: 'gray', type: 'bool', nullable: true },
  ];
  const lines = tableText(columns, (cells: readonly ParquetCell[]) => cells);

  test('is one line a row, for readers that end lines at U+2028 too', () => {
    expect(lines.header()).toBe('');
    expect(lines.encode([[3, 'a\n\u2028\u2029\r', Math.fround(0.1), null]])).toBe(
      '[3,"a\\n\\u2028\\u2029\\r",0.1,null]\n',
    );
    expect(lines.encode([])).toBe('');
  });

  test('comes back from a table as it was, for any float32', async () => {
    const layout = parquetLayout(join(folder, 't.parquet'), columns, [], { a: 'b' });
    const floats = [0, -0, 1e-45, 3.4028235e38, -1 / 3, 16777216, 1e21, 1.1754944e-38];
    const cells = Array.from({ length: 2000 }, (_, i) => {
      const random = new Float32Array(new Uint32Array([Math.imul(i, 2654435761) >>> 0]).buffer)[0] as number;
      return [i, `${i}`, floats[i] ?? (Number.isFinite(random) ? random : null), i % 2 === 0];
    });
    const text = join(folder, 'text');
    writeFileSync(text, lines.encode(cells));
    await layout.packs[0]?.pack({ text, textStart: 0, arrays: [], rows: 2000 }, layout.target);
    expect((await readParquet(layout.target)).metadata).toEqual({ a: 'b' });
    const scratch = new Scratch(layout.target);
    const unpacked = await layout.unpack?.(scratch);
    expect(readFileSync(unpacked?.text as string).equals(readFileSync(text))).toBe(true);
    await unpacked?.dispose();
    await scratch.dispose();
  });

  test('takes another index, and only its own', () => {
    const { reindex } = parquetLayout('x', columns, []);
    const [line, moved] = [3, 1_000_000].map((index) => Buffer.from(lines.encode([[index, 'a\u2028', 0.25, true]])));
    expect(reindex?.(line as Buffer, 'a\u2028', 3, 1_000_000)).toEqual(moved);
    expect(() => reindex?.(line as Buffer, 'a\u2028', 4, 5)).toThrow('at 4');
    expect(() => reindex?.(line as Buffer, 'b', 3, 5)).toThrow('of b');
    expect(parquetLayout('x', columns.slice(1), []).reindex).toBeUndefined();
  });

  test('that lacks rows is not packed', async () => {
    const text = join(folder, 'text');
    writeFileSync(text, lines.encode([[0, 'a', 0.5, null]]));
    const { packs, target } = parquetLayout(join(folder, 't.parquet'), columns, []);
    await expect(packs[0]?.pack({ text, textStart: 0, arrays: [], rows: 2 }, target)).rejects.toMatchObject({
      code: 'INTERNAL',
    });
    expect(readdirSync(folder)).toEqual(['text']);
  });
});

test('the journal of a table keeps the hashes that its rows are known by', async () => {
  const layout = extractParquetLayout(join(folder, 'x.parquet'), SPECS);
  await make(layout, ROWS);
  const [header] = readFileSync(journalPath(layout.target), 'utf8').split('\n');
  expect(JSON.parse(header as string)).toMatchObject({ format: 'parquet', arrays: SPECS, textStart: 0 });
});

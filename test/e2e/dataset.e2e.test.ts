/** `export`: what a dataset says is what `classify` and `extract` say of the same images, and others can read it. */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../src/output/dataset/manifest.js';
import { readParquet } from '../../src/output/rows/parquet.js';
import { python, runPython } from '../python.js';
import { MINI, ODD, PHOTO_NAMES, PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { PROGRAM, ROOT, startProgram } from './helpers/program.js';
import { csvRows, jsonRows } from './helpers/rows.js';

const root = temporaryFolder();

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const BROKEN = 'photos/broken.jpg';
const DATED = 'photos/dated.jpg';
const TAKEN = '2019-05-04T13:45:00';

/** 12 photographs, 2 odd ones, one broken: parts of 6, 6 and 3. */
const IMAGES = PHOTO_NAMES.length + 3;
const SHARD_ROWS = 6;
const CLASSES = 3;
const LAYERS = ['fc7', 'pool5'];

/** JPEG bytes with an EXIF block that holds DateTimeOriginal alone (CIPA DC-008). */
function dated(jpeg: Buffer, date: string): Buffer {
  const tiff = Buffer.alloc(64);
  tiff.write('II*\0', 0, 'latin1');
  tiff.writeUInt32LE(8, 4);
  const entry = (at: number, tag: number, type: number, count: number, value: number) => {
    tiff.writeUInt16LE(tag, at);
    tiff.writeUInt16LE(type, at + 2);
    tiff.writeUInt32LE(count, at + 4);
    tiff.writeUInt32LE(value, at + 8);
  };
  tiff.writeUInt16LE(1, 8);
  entry(10, 0x8769, 4, 1, 26); // the EXIF directory
  tiff.writeUInt16LE(1, 26);
  entry(28, 0x9003, 2, 20, 44);
  tiff.write(`${date}\0`, 44, 'latin1');
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, body, jpeg.subarray(2)]);
}

async function done(words: readonly string[], code = 3): Promise<string> {
  const result = await runCommand([...words, '-q', '-m', MINI], { cwd: root });
  expect(result.code, `${words.join(' ')}: ${result.stderr}`).toBe(code);
  return result.stdout.toString();
}

interface Image {
  readonly path: string;
  readonly index: number;
  readonly status: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly width?: number;
  readonly height?: number;
  readonly top?: readonly { readonly class: number; readonly label: string; readonly prob: number }[];
  /** By layer. */
  readonly numbers: Readonly<Record<string, readonly number[]>>;
}

/** What `classify` and `extract` say of the images. */
let images: readonly Image[];

beforeAll(async () => {
  for (const name of PHOTO_NAMES) place(join(root, 'photos', name), join(PHOTOS, name));
  place(join(root, 'photos/palette.png'), join(ODD, 'palette.png'));
  writeFileSync(join(root, BROKEN), 'no image');
  const jpeg = readFileSync(join(PHOTOS, 'dog.jpg'));
  writeFileSync(join(root, DATED), dated(jpeg, '2019:05:04 13:45:00'));
  const classified = jsonRows(await done(['classify', 'photos', '--format', 'jsonl', '-k', String(CLASSES)]));
  const layers = LAYERS.flatMap((layer) => ['-l', layer]);
  const extracted = jsonRows(await done(['extract', 'photos', '--format', 'jsonl', ...layers]));
  images = classified.map((row) => {
    const own = extracted.filter(({ path, layer }) => path === row.path && layer !== undefined);
    return { ...row, numbers: Object.fromEntries(own.map(({ layer, embedding }) => [layer, embedding])) };
  });
  expect(images).toHaveLength(IMAGES);
});

/** A row as the table has it. */
type TableRow = Readonly<Record<string, unknown>>;

/** What the table has to say of an image, by what Node and the other commands say. */
function expectedRow({ path, index, status, error, width, height, top }: Image): TableRow {
  const bytes = readFileSync(join(root, path));
  const ranks = Array.from({ length: CLASSES }, (_, i) => {
    const each = top?.[i];
    const n = i + 1;
    return {
      [`class_${n}`]: each?.class ?? null,
      [`label_${n}`]: each?.label ?? null,
      [`prob_${n}`]: each?.prob ?? null,
    };
  });
  return {
    index,
    path,
    status,
    error_code: error?.code ?? null,
    error_message: error?.message ?? null,
    width: width ?? null,
    height: height ?? null,
    format: path === BROKEN ? null : path.endsWith('.png') ? 'png' : 'jpeg',
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    taken: path === DATED ? TAKEN : null,
    ...Object.assign({}, ...ranks),
  };
}

/** The shortest decimal of a float32. */
function short(value: number): number {
  for (let digits = 1; digits < 10; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === Math.fround(value)) return text;
  }
  return value;
}

/** Of a table with list columns, too: an array a layer, null for a failed image. */
async function parquetRows(file: string): Promise<TableRow[]> {
  const { columns, arrays, batches } = await readParquet(file);
  const rows: TableRow[] = [];
  for await (const { cells, arrays: numbers, blank } of batches) {
    for (const [i, row] of cells.entries()) {
      const plain = columns.map(({ name, type }, c): [string, unknown] => {
        const cell = row[c] ?? null;
        return [name, type === 'float' && typeof cell === 'number' ? short(cell) : cell];
      });
      const lists = arrays.map(({ name }, a): [string, unknown] => {
        const all = numbers[a] as Float32Array;
        const length = all.length / cells.length;
        return [name, blank[i] ? null : [...all.subarray(i * length, (i + 1) * length)]];
      });
      rows.push(Object.fromEntries([...plain, ...lists]));
    }
  }
  return rows;
}

const NUMBERS = /^(?:index|width|height|bytes|class_\d+|prob_\d+)$/;

/** Rows of one part as the table of `datasetColumns`, whatever the format. */
async function tableRows(file: string, format: string): Promise<TableRow[]> {
  if (format === 'parquet') return parquetRows(file);
  const text = readFileSync(file);
  if (format === 'csv') {
    return csvRows(text).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, cell]) => [
          name,
          cell === '' ? null : NUMBERS.test(name) ? Number(cell) : cell,
        ]),
      ),
    );
  }
  return jsonRows(text).map(({ v, error, top, ...row }) => {
    expect(v).toBe(1);
    const ranks = Array.from({ length: CLASSES }, (_, i) => ({
      [`class_${i + 1}`]: top?.[i].class ?? null,
      [`label_${i + 1}`]: top?.[i].label ?? null,
      [`prob_${i + 1}`]: top?.[i].prob ?? null,
    }));
    const failure = { error_code: error?.code ?? null, error_message: error?.message ?? null };
    return { width: null, height: null, ...row, ...failure, ...Object.assign({}, ...ranks) };
  });
}

/** Rows of an NPY file of version 1, little-endian float32. */
function npyRows(file: string): number[][] {
  const bytes = readFileSync(file);
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString('latin1');
  expect(header).toContain("'descr': '<f4'");
  expect(header).toContain("'fortran_order': False");
  const shape = /'shape': \(([\d, ]+)\)/
    .exec(header)?.[1]
    ?.split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const [rows, ...rest] = shape as [number, ...number[]];
  const length = rest.reduce((product, size) => product * size, 1);
  expect(bytes.length).toBe(start + 4 * rows * length);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length }, (_, i) => bytes.readFloatLE(start + 4 * (row * length + i))),
  );
}

function expectNumbers(found: readonly (readonly number[] | null)[], layer: string, blank: 'nan' | 'null'): void {
  expect(found).toHaveLength(images.length);
  for (const [i, { path, status, numbers }] of images.entries()) {
    if (status === 'ok') expect(Array.from(found[i] ?? [], short), path).toEqual(numbers[layer]);
    else if (blank === 'null') expect(found[i]).toBeNull();
    else expect(found[i]?.every(Number.isNaN)).toBe(true);
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort();
}

const CASES = ['parquet', 'csv', 'jsonl'].flatMap((rows) =>
  ['npy', 'parquet', 'none']
    .filter((embeddings) => embeddings !== 'parquet' || rows === 'parquet')
    .map((embeddings) => [rows, embeddings] as const),
);

describe.each(CASES)('export --format %s --embeddings %s', (format, embeddings) => {
  const name = `${format}-${embeddings}`;
  const folder = join(root, name);
  const parts = Array.from({ length: Math.ceil(IMAGES / SHARD_ROWS) }, (_, i) => `part-0000${i}`);
  const layers = embeddings === 'none' ? [] : LAYERS;
  let manifest: Manifest;
  beforeAll(async () => {
    const words = ['--format', format, '--embeddings', embeddings, '--shard-rows', String(SHARD_ROWS)];
    const flags = layers.flatMap((layer) => ['-l', layer]);
    await done(['export', 'photos', '-k', String(CLASSES), '-o', name, ...words, ...flags]);
    manifest = readJson<Manifest>(join(folder, 'manifest.json'));
  });

  it('has the rows that classify and Node give, in their order', async () => {
    const rows: TableRow[] = [];
    for (const part of parts) rows.push(...(await tableRows(join(folder, 'rows', `${part}.${format}`), format)));
    const table = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([column]) => !LAYERS.includes(column))),
    );
    expect(table).toEqual(images.map(expectedRow));
  });

  it.runIf(embeddings !== 'none')('has the numbers that extract gives', async () => {
    for (const layer of LAYERS) {
      if (embeddings === 'npy') {
        expectNumbers(
          parts.flatMap((part) => npyRows(join(folder, layer, `${part}.npy`))),
          layer,
          'nan',
        );
        continue;
      }
      const rows: TableRow[] = [];
      for (const part of parts) rows.push(...(await parquetRows(join(folder, 'rows', `${part}.parquet`))));
      expectNumbers(
        rows.map((row) => row[layer] as readonly number[] | null),
        layer,
        'null',
      );
    }
  });

  it('has a manifest that says what is there', () => {
    const failed = images.filter(({ status }) => status === 'error');
    expect(manifest).toMatchObject({
      v: 1,
      tool: 'vgg16',
      complete: true,
      model: { name: 'mini', sha256: createHash('sha256').update(readFileSync(MINI)).digest('hex') },
      settings: { command: 'export', 'top-k': CLASSES, layers, 'shard-rows': SHARD_ROWS, shard: '1/1' },
      schema: { rows: { format }, embeddings: { format: embeddings } },
      counts: {
        rows: IMAGES,
        ok: IMAGES - failed.length,
        failed: failed.length,
        errors: Object.fromEntries(failed.map(({ error }) => [error?.code, 1])),
      },
      inputs: createHash('sha256')
        .update(images.map(({ path }) => `${path}\0`).join(''))
        .digest('hex'),
    });
    const columns = manifest.schema.rows.columns.map(({ name: column }) => column);
    expect(columns).toEqual(Object.keys(expectedRow(images[0] as Image)));
    expect(manifest.schema.embeddings.layers).toEqual(
      layers.map((layer) => ({ name: layer, shape: [images[0]?.numbers[layer]?.length], dtype: 'f32' })),
    );
    expect(manifest.parts.map(({ rows }) => rows)).toEqual([6, 6, 3]);
    expect(manifest.parts.reduce((sum, part) => sum + part.failed, 0)).toBe(failed.length);
  });

  it("names every file with its size and sha256, and there are no others but the run's own", () => {
    const files = manifest.parts.flatMap((part) => part.files);
    for (const { path, bytes, sha256 } of files) {
      expect(statSync(join(folder, path)).size).toBe(bytes);
      expect(
        createHash('sha256')
          .update(readFileSync(join(folder, path)))
          .digest('hex'),
      ).toBe(sha256);
    }
    const journals = parts.map((part) => `journal/${part}.journal`);
    const all = [...files.map(({ path }) => path), ...journals, 'manifest.json', 'run.json'];
    expect(filesBelow(folder)).toEqual(all.sort());
  });
});

/** The text of the blocks of one language in a page of the documentation. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const found = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, name]) => name === language);
  expect(found.length).toBeGreaterThan(0);
  return found.map(([, , code]) => code as string);
}

/** Runs the lines of a block of shell as they stand, with this program under its name and mini as its model. */
async function shell(lines: string): Promise<void> {
  const env = { VGG16_MODEL: MINI, VGG16_QUIET: 'true' };
  const script = `vgg16() { '${process.execPath}' '${PROGRAM}' "$@"; }\n${lines}`;
  const { code, stderr } = await startProgram('bash', ['-c', script], { cwd: root, env, input: '' }).done;
  expect([0, 3], stderr).toContain(code);
}

describe('the documentation', () => {
  it.skipIf(python(['numpy']) === undefined)(
    'of extract: its first command, and the Python for it (needs NumPy)',
    async () => {
      const [commands] = blocks('extract.md', 'sh') as [string];
      await shell(commands.split('\n')[0] as string);
      const [code] = blocks('extract.md', 'python') as [string];
      const said = 'import json; print(json.dumps([list(features.shape), paths, features[0].tolist()]))';
      const interpreter = python(['numpy']);
      const script = `import os, sys; os.chdir(sys.argv[1])\n${code}\n${said}`;
      const [shape, paths, first] = runPython(interpreter, script, [root]) as [number[], string[], number[]];
      expect(shape).toEqual([IMAGES, images[0]?.numbers.fc7?.length]);
      expect(paths.map((line) => line.split('\t')[0])).toEqual(images.map(({ path }) => path));
      expect(paths.filter((line) => line.includes('\t'))).toHaveLength(1);
      expect(first.map(short)).toEqual(images[0]?.numbers.fc7);
    },
  );

  it('of extract: its other commands', async () => {
    const [commands] = blocks('extract.md', 'sh') as [string];
    await shell(commands.split('\n').slice(1).join('\n'));
    expect(existsSync(join(root, 'features.parquet'))).toBe(true);
    expect(existsSync(join(root, 'conv.npy'))).toBe(true);
  });

  const MODULES = ['numpy', 'pandas', 'polars', 'duckdb', 'pyarrow'];
  it.skipIf(python(MODULES) === undefined)(
    `of export: its command, and each line of Python (needs ${MODULES.join(', ')})`,
    async () => {
      const [command] = blocks('dataset.md', 'sh') as [string];
      await shell(command);
      // The page's tree of files.
      for (const path of ['manifest.json', 'rows/part-00000.parquet', 'fc7/part-00000.npy', 'journal', 'run.json']) {
        expect(existsSync(join(root, 'dataset', path)), path).toBe(true);
      }
      const [code] = blocks('dataset.md', 'python') as [string];
      const lines = code.trim().split('\n');
      expect(lines).toHaveLength(4);
      const script = [
        'import os, sys, glob, json, numpy, pandas, polars, duckdb; os.chdir(sys.argv[1])',
        ...lines.map((line, i) => `r${i} = ${line}`),
        'cols = ["path", "sha256", "label_1", "bytes"]',
        'plain = r0.astype(object).where(r0.notna(), None)',
        'print(json.dumps([plain[cols].values.tolist(), [list(r) for r in r1.select(cols).rows()], r2.fetchall(), list(r3.shape)]))',
      ].join('\n');
      const [pandas, polars, duckdb, shape] = runPython(python(MODULES), script, [root]) as [
        unknown[][],
        unknown[][],
        [string | null, number][],
        number[],
      ];
      const expected = images.map((image) => {
        const row = expectedRow(image);
        return [row.path, row.sha256, row.label_1, row.bytes];
      });
      expect(pandas).toEqual(expected);
      expect(polars).toEqual(expected);
      const counts = new Map<string | null, number>();
      for (const { top } of images) counts.set(top?.[0]?.label ?? null, (counts.get(top?.[0]?.label ?? null) ?? 0) + 1);
      expect(new Map(duckdb)).toEqual(counts);
      expect(duckdb.map(([, n]) => n)).toEqual([...counts.values()].sort((a, b) => b - a));
      expect(shape).toEqual([IMAGES, images[0]?.numbers.fc7?.length]);
    },
  );
});

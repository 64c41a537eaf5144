/** Holds the architecture: which folder may import which, that no files import each other in a circle, and who owns each heavy package. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** What each folder at the top may import besides itself; arrows point down only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  index: ['library', 'network', 'errors'],
  library: ['services', 'images', 'models', 'engine', 'formats', 'network', 'machine', 'output', 'errors'],
  commands: ['cli', 'services', 'stream', 'errors'],
  cli: [
    'services',
    'images',
    'models',
    'engine',
    'formats',
    'network',
    'machine',
    'output',
    'stream',
    'exists',
    'errors',
  ],
  services: ['images', 'models', 'engine', 'formats', 'network', 'machine', 'output', 'stream', 'errors'],
  models: ['engine', 'formats', 'network', 'process', 'stream', 'shape', 'exists', 'errors'],
  engine: ['formats', 'network', 'machine', 'stream', 'shape', 'errors'],
  formats: ['network', 'floats', 'shape', 'safetensors-header', 'exists', 'errors'],
  network: ['shape', 'errors'],
  images: ['stream', 'errors'],
  output: ['floats', 'process', 'stream', 'shape', 'safetensors-header', 'exists', 'errors'],
  machine: [],
  process: [],
  floats: [],
  shape: [],
  exists: [],
  'safetensors-header': [],
  stream: [],
  errors: [],
};

/** The folders inside each folder at the top, from above to below: one may import those after it. `.` has no folder. */
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  commands: ['.', 'benchmark', 'model'],
  cli: ['.', 'benchmark', 'benchmark/report', 'model', 'run', 'output', 'command', 'flags', 'terminal'],
  services: [
    'benchmark',
    'benchmark/measure',
    'benchmark/report',
    'model',
    'model/comparison',
    'model/quantization',
    '.',
    'pipeline',
  ],
  models: ['.', 'quantize', 'catalog', 'imagenet'],
  engine: ['.'],
  formats: [
    '.',
    'tfjs',
    'savedmodel',
    'keras',
    'onnx',
    'pytorch',
    'caffe',
    'safetensors',
    'export',
    'card',
    'weights',
    'hdf5',
    'shared',
  ],
  network: ['graph', '.'],
  images: [
    '.',
    'list',
    'list/file',
    'archive',
    'facts',
    'pixels',
    'pixels/tiff',
    'pixels/formats',
    'pixels/resample',
    'pixels/resample/assembly',
    'pixels/rgb',
    'metadata',
    'sniff',
    'ifd',
    'files',
  ],
  output: ['dataset', 'store', 'rows', 'arrays', 'files', '.'],
  library: ['.'],
  machine: ['.'],
};

/** Files of code in a folder, at most: a reader takes in so many names at once. */
const MAX_FILES = 14;

/** The only folders that may import a heavy package. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@tensorflow/tfjs-node': ['engine', 'network/graph'],
  sharp: ['images'],
  'bmp-ts': ['images'],
  'fast-glob': ['images'],
  yauzl: ['images', 'formats'],
  yazl: ['formats'],
  h5wasm: ['formats/hdf5', 'formats/keras'],
  protobufjs: ['formats/shared', 'formats/onnx'],
  undici: ['models/catalog'],
  'onnxruntime-node': ['formats/onnx'],
  '@bokuweb/zstd-wasm': ['output'],
  'csv-stringify': ['output'],
  'csv-parse': ['models'],
  'apache-arrow': ['output'],
  'parquet-wasm': ['output'],
  'cli-table3': ['output'],
  'cli-progress': ['cli'],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const files: readonly string[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.[jt]s$/.test(name),
);

/** Types that are imported count, too. */
const imports: readonly Import[] = files.flatMap((file) => {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const found = text.matchAll(/(?:from|import|require(?:\.resolve)?)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, target = '']) => ({ file, target }));
});

/** Imports of one file of ours by another. */
const ours: readonly { readonly file: string; readonly to: string }[] = imports
  .filter(({ target }) => target.startsWith('.'))
  .map(({ file, target }) => ({ file, to: join(dirname(file), target) }))
  .filter(({ to }) => !to.startsWith('..'))
  .map(({ file, to }) => ({ file, to: files.find((each) => each === to.replace(/\.js$/, '.ts')) ?? to }));

/** The folder at the top, or the file without its extension. */
const topOf = (file: string): string => (file.split('/')[0] ?? '').replace(/\.[jt]s$/, '');

/** The folder below that at the top; `.` where there is none. */
const insideOf = (file: string): string => dirname(file).split('/').slice(1).join('/') || '.';

/** Groups of files of which each imports all others, directly or by way of others (Tarjan's strongly connected components). */
function circlesOf(edges: readonly { readonly file: string; readonly to: string }[]): readonly (readonly string[])[] {
  const targets = new Map<string, string[]>();
  for (const { file, to } of edges) targets.set(file, [...(targets.get(file) ?? []), to]);
  const order = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const number = order.size;
    order.set(file, number);
    stack.push(file);
    let low = number;
    for (const to of targets.get(file) ?? []) {
      if (!order.has(to)) low = Math.min(low, visit(to));
      else if (stack.includes(to)) low = Math.min(low, order.get(to) as number);
    }
    if (low === number) {
      const circle = stack.splice(stack.indexOf(file));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return low;
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return circles;
}

test('the sources were found', () => {
  expect(ours.length).toBeGreaterThan(500);
  expect(ours.filter(({ to }) => !files.includes(to))).toEqual([]);
});

test('imports point down only', () => {
  const upward = ours.filter(({ file, to }) => {
    const [from, into] = [topOf(file), topOf(to)];
    return from !== into && !MAY_IMPORT[from]?.includes(into);
  });
  expect(upward).toEqual([]);
});

test('what folders may import makes no circle', () => {
  const edges = Object.entries(MAY_IMPORT).flatMap(([file, below]) => below.map((to) => ({ file, to })));
  expect(circlesOf(edges)).toEqual([]);
});

test('inside a folder imports point down, too', () => {
  const upward = ours
    .filter(({ file, to }) => topOf(file) === topOf(to))
    .map(({ file, to }) => ({ file, to, top: topOf(file), from: insideOf(file), into: insideOf(to) }))
    .filter(({ top, from, into }) => {
      const order = INSIDE[top] ?? [];
      return from !== into && order.indexOf(from) > order.indexOf(into);
    });
  expect(upward).toEqual([]);
});

test('every folder has its place', () => {
  const folders = files.filter((file) => file.includes('/'));
  expect([...new Set(files.map(topOf))].filter((top) => MAY_IMPORT[top] === undefined)).toEqual([]);
  expect(folders.filter((file) => !INSIDE[topOf(file)]?.includes(insideOf(file)))).toEqual([]);
});

test('no files import each other in a circle', () => {
  expect(circlesOf(ours)).toEqual([]);
});

test('a circle is found where there is one', () => {
  const edge = ([file, to]: readonly [string, string]) => ({ file, to });
  const line = [
    ['a', 'b'],
    ['b', 'c'],
    ['a', 'c'],
  ] as const;
  expect(circlesOf(line.map(edge))).toEqual([]);
  expect(circlesOf([...line, ['c', 'b'] as const].map(edge))).toEqual([['b', 'c']]);
});

test('no folder holds more files than a reader takes in', () => {
  const folders = [...new Set(files.map((file) => dirname(file)))];
  const full = folders.filter((folder) => files.filter((file) => dirname(file) === folder).length > MAX_FILES);
  expect(full).toEqual([]);
});

test('each heavy package stays with its owners', () => {
  const packageOf = (target: string) => target.split('/', target.startsWith('@') ? 2 : 1).join('/');
  const strays = imports.filter(({ file, target }) => {
    const owners = OWNERS[packageOf(target)];
    return owners !== undefined && !owners.some((owner) => file.startsWith(`${owner}/`));
  });
  expect(strays).toEqual([]);
});

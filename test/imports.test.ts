/** Holds the architecture: which folder may import which, and who owns each heavy package. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** What each folder at the top may import besides itself; arrows point down only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  commands: ['cli', 'services', 'stream', 'errors'],
  cli: ['services', 'images', 'models', 'engine', 'formats', 'network', 'machine', 'output', 'stream', 'errors'],
  services: ['images', 'models', 'engine', 'formats', 'network', 'machine', 'output', 'stream', 'errors'],
  images: ['stream', 'errors'],
  models: ['engine', 'formats', 'network', 'process', 'stream', 'errors'],
  engine: ['formats', 'network', 'machine', 'stream', 'errors'],
  formats: ['engine', 'network', 'floats', 'errors'],
  network: ['errors'],
  machine: [],
  output: ['floats', 'process', 'stream', 'errors'],
  process: [],
  floats: [],
  stream: [],
  errors: [],
  index: ['services', 'images', 'models', 'engine', 'network', 'output', 'errors'],
};

/** The only folders that may import a heavy package. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@tensorflow/tfjs-node': ['engine', 'network'],
  sharp: ['images'],
  'bmp-ts': ['images'],
  'fast-glob': ['images'],
  yauzl: ['images', 'formats'],
  yazl: ['formats'],
  h5wasm: ['formats'],
  protobufjs: ['formats'],
  undici: ['models'],
  'onnxruntime-node': ['formats'],
  '@bokuweb/zstd-wasm': ['output'],
  'csv-stringify': ['output'],
  'csv-parse': ['models'],
  hyparquet: ['output'],
  'hyparquet-writer': ['output'],
  'cli-table3': ['output'],
  'cli-progress': ['cli'],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const imports: Import[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((file) => {
    const text = readFileSync(join(SOURCE, file), 'utf8');
    const found = text.matchAll(/(?:from|import|require(?:\.resolve)?)\s*\(?\s*'([^']+)'/g);
    return [...found].map(([, target = '']) => ({ file, target }));
  });

const layerOf = (file: string) => (file.split('/')[0] ?? '').replace(/\.[jt]s$/, '');

test('the sources were found', () => {
  expect(imports.length).toBeGreaterThan(50);
});

test('imports point down only', () => {
  const upward = imports
    .filter(({ target }) => target.startsWith('.'))
    .map(({ file, target }) => ({ file, to: normalize(relative(SOURCE, join(SOURCE, dirname(file), target))) }))
    .filter(({ to }) => !to.startsWith('..'))
    .filter(({ file, to }) => {
      const [from, into] = [layerOf(file), layerOf(to)];
      return from !== into && !MAY_IMPORT[from]?.includes(into);
    });
  expect(upward).toEqual([]);
});

test('each heavy package stays with its owners', () => {
  const packageOf = (target: string) => target.split('/', target.startsWith('@') ? 2 : 1).join('/');
  const strays = imports.filter(({ file, target }) => {
    const owners = OWNERS[packageOf(target)];
    return owners !== undefined && !owners.includes(layerOf(file));
  });
  expect(strays).toEqual([]);
});

/** Builders of weight files, sound and damaged, for tests. */

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { RunError } from '../../src/errors.js';
import { many } from '../soak.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

export const modelFixture = (name: string): string => join(FIXTURES, 'models', name);

/** Written by fixtures/models/make_slim.py. */
export const slimExpected = JSON.parse(readFileSync(join(FIXTURES, 'expected/slim.json'), 'utf8')) as {
  readonly sums: Readonly<Record<string, number>>;
};

/** A folder for the files of one test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function write(folder: string, name: string, bytes: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** The RunError that `work` rejects with; anything else fails the test. */
export async function failure(work: Promise<unknown>): Promise<RunError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RunError))
    throw new Error(`Expected a RunError but received ${String(error)}`, { cause: error });
  return error;
}

export interface Entry {
  readonly dtype?: string;
  readonly shape: readonly number[];
}

const BYTES: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8 };

/** A safetensors file of zeros with these tensors. */
export function safetensors(
  tensors: Readonly<Record<string, Entry>>,
  metadata?: Readonly<Record<string, string>>,
): Buffer {
  let offset = 0;
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  for (const [name, { dtype = 'F32', shape }] of Object.entries(tensors)) {
    const start = offset;
    offset += shape.reduce((a, b) => a * b, BYTES[dtype] as number);
    header[name] = { dtype, shape, data_offsets: [start, offset] };
  }
  return rawSafetensors(JSON.stringify(header), Buffer.alloc(offset));
}

export function rawSafetensors(header: string | Buffer, data: Buffer = Buffer.alloc(0), claimed?: bigint): Buffer {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

/** Shapes of a slim VGG-16 (32x32 input) in torch's order, by torchvision's names; `classes: 0` for a base without classifier. */
export function slimShapes({ classes = 3, width = 2, inputSize = 32 } = {}): Record<string, Entry> {
  const convolutions = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
  const shapes: Record<string, Entry> = {};
  convolutions.forEach((index, i) => {
    shapes[`features.${index}.weight`] = { shape: [width, i === 0 ? 3 : width, 3, 3] };
    shapes[`features.${index}.bias`] = { shape: [width] };
  });
  if (classes === 0) return shapes;
  const units = width * (inputSize / 32) ** 2;
  shapes['classifier.0.weight'] = { shape: [5, units] };
  shapes['classifier.0.bias'] = { shape: [5] };
  shapes['classifier.3.weight'] = { shape: [4, 5] };
  shapes['classifier.3.bias'] = { shape: [4] };
  shapes['classifier.6.weight'] = { shape: [classes, 4] };
  shapes['classifier.6.bias'] = { shape: [classes] };
  return shapes;
}

const PAPER: readonly (readonly [RegExp, string])[] = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28].map(
  (index, i) => {
    const blocks = ['1_1', '1_2', '2_1', '2_2', '3_1', '3_2', '3_3', '4_1', '4_2', '4_3', '5_1', '5_2', '5_3'];
    return [new RegExp(`^features\\.${index}\\.`), `conv${blocks[i]}.`] as const;
  },
);

/** The same tensors by the paper's names. */
export function paperNames(shapes: Readonly<Record<string, Entry>>): Record<string, Entry> {
  const dense: readonly (readonly [RegExp, string])[] = [
    [/^classifier\.0\./, 'fc6.'],
    [/^classifier\.3\./, 'fc7.'],
    [/^classifier\.6\./, 'fc8.'],
  ];
  return Object.fromEntries(
    Object.entries(shapes).map(([name, entry]) => {
      const [pattern, paper] = [...PAPER, ...dense].find(([candidate]) => candidate.test(name)) as readonly [
        RegExp,
        string,
      ];
      return [name.replace(pattern, paper), entry];
    }),
  );
}

/** A card that tests may spoil in any way. */
// biome-ignore lint/suspicious/noExplicitAny: wrong types are what it is for
export type LooseCard = Record<string, any>;

/** Our own file: the paper's names with `/kernel` in TensorFlow's order, and a card. */
export function ownFile(change: (card: LooseCard) => void = () => {}): Buffer {
  const width = 2;
  const tensors: Record<string, Entry> = {};
  for (const [name, { shape }] of Object.entries(paperNames(slimShapes({ width })))) {
    if (name.endsWith('.bias')) tensors[name.replace('.bias', '/bias')] = { shape };
    else
      tensors[name.replace('.weight', '/kernel')] = {
        shape: shape.length === 2 ? [...shape].reverse() : [3, 3, shape[1] as number, width],
      };
  }
  const card: LooseCard = {
    name: 'own',
    architecture: {
      inputSize: 32,
      convolutions: [2, 2, 3, 3, 3].map((count) => Array.from({ length: count }, () => width)),
      classifier: { fc6: 5, fc7: 4, classes: 3 },
    },
    preset: { name: 'own', resize: 36, crop: 32, channels: 'BGR', divisor: 1, mean: [1, 2, 3], std: [1, 1, 1] },
    labels: ['cat', 'dog', 'owl'],
    license: 'MIT',
    source: 'a test',
    accuracy: { top1: 50, on: 'nothing' },
  };
  change(card);
  return safetensors(tensors, { format: 'vgg16', version: '1', card: JSON.stringify(card) });
}

/** A zip of stored records, as torch.save writes; checksums are left out, nobody reads them. */
export function storedZip(records: Readonly<Record<string, Buffer>>, method = 0): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(records)) {
    const bytes = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(bytes.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(bytes.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, bytes, data);
    central.push(entry, bytes);
    offset += local.length + bytes.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(records).length, 8);
  end.writeUInt16LE(Object.keys(records).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** Random damages of one byte to a small file. Ten thousand take a minute a format: VGG16_TEST_FLIPS=10000. */
export const FLIPS = Number(process.env.VGG16_TEST_FLIPS ?? many(2000));

/** Changes one byte of `path`, which holds `bytes`, calls `visit` and puts the byte back: `count` times, the same each run. */
export async function eachFlip(path: string, bytes: Buffer, count: number, visit: () => Promise<void>): Promise<void> {
  // Park and Miller's generator.
  let state = 16;
  const random = (below: number) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const fd = openSync(path, 'r+');
  try {
    for (let i = 0; i < count; i++) {
      const position = random(bytes.length);
      const original = bytes[position] as number;
      writeSync(fd, Buffer.of(original ^ (1 + random(255))), 0, 1, position);
      await visit();
      writeSync(fd, Buffer.of(original), 0, 1, position);
    }
  } finally {
    closeSync(fd);
  }
}

/** Outputs of made-up images, for the tests of the store: every kind of layout. */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ArraySpec } from '../../../src/output/arrays/spec.js';
import { reindexJsonl } from '../../../src/output/rows/jsonl.js';
import { pathsList } from '../../../src/output/rows/paths.js';
import type { Settings } from '../../../src/output/store/journal.js';
import { type Layout, npyLayout, safetensorsLayout, textLayout } from '../../../src/output/store/layout.js';
import type { EarlierRow } from '../../../src/output/store/source.js';
import { Store, type StoreRow } from '../../../src/output/store/store.js';

/** Not in the order of their names, and of both types. */
export const SPECS: readonly ArraySpec[] = [
  { name: 'fc7', shape: [5], dtype: 'f32' },
  { name: 'conv1_1', shape: [2, 3], dtype: 'f16' },
];

export const SETTINGS: Settings = { command: 'classify', model: 'abc', precision: 'f32', shard: '1/1' };

export const KINDS = ['csv', 'csv.gz', 'jsonl', 'npy', 'safetensors'] as const;

export type Kind = (typeof KINDS)[number];

export function layoutFor(kind: Kind, folder: string): Layout {
  const target = join(folder, `out.${kind}`);
  switch (kind) {
    case 'csv':
    case 'csv.gz':
      return textLayout(target, 'csv');
    case 'jsonl':
      return textLayout(target, kind, reindexJsonl);
    case 'npy':
      return npyLayout(target, SPECS);
    case 'safetensors':
      return safetensorsLayout(target, SPECS, {});
  }
}

export const headFor = (kind: Kind) => (kind.startsWith('csv') ? 'path,error,value\n' : '');

/** An input of a run: its row follows from it. */
export interface Image {
  readonly path: string;
  readonly identity: string;
  /** What the row says; another number, other bytes. */
  readonly value: number;
  readonly failed: boolean;
}

/** Names that break what is read line by line, and cell by cell. */
const ODD_NAMES = ['new\nline', 'tab\t', 'line separator\u2028', `quotes "'`, 'comma, ü', 'nul\\0', '{"end":{}}', 'カ'];

/** Every fifth one has failed. */
export function imageOf(n: number): Image {
  const odd = n % 3 === 0 ? ODD_NAMES[(n / 3) % ODD_NAMES.length] : '';
  return { path: `photos/${n}${odd}.jpg`, identity: `${1000 + n}:${17 * n}`, value: n, failed: n % 5 === 4 };
}

export function imagesOf(count: number): Image[] {
  return Array.from({ length: count }, (_, n) => imageOf(n));
}

type Computed = Exclude<StoreRow, { kept: EarlierRow }>;

export function computed(kind: Kind, { path, identity, value, failed }: Image, index: number): Computed {
  const error = { code: 'DECODE_FAILED', message: `Expected image ${value}\u2028 whole but it is "cut" off.` };
  const ended = failed ? { status: 'error' as const, error } : { status: 'ok' as const };
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const texts: Record<Kind, () => string> = {
    csv: () => `${cell(path)},${failed ? error.code : ''},${value}\n`,
    'csv.gz': () => texts.csv(),
    jsonl: () => `${JSON.stringify({ v: 1, path, index, ...ended, value })}\n`,
    npy: () => pathsList().encode([{ path, ...ended } as Parameters<ReturnType<typeof pathsList>['encode']>[0][0]]),
    safetensors: () => texts.npy(),
  };
  const hasArrays = kind === 'npy' || kind === 'safetensors';
  return {
    path,
    index,
    identity,
    ...(failed ? { error } : {}),
    text: Buffer.from(texts[kind]()),
    arrays: !hasArrays ? [] : failed ? null : numbersOf(value),
  };
}

function numbersOf(value: number): Uint8Array[] {
  const f32 = Float32Array.from({ length: 5 }, (_, i) => Math.sin(value * 5 + i));
  const f16 = Uint16Array.from({ length: 6 }, (_, i) => (value * 6 + i) % 0x7c00);
  return [f32, f16].map(({ buffer }) => Buffer.from(buffer));
}

/** As of a run over these images. */
export function listOf(images: readonly Image[]): string {
  return createHash('sha256')
    .update(images.map(({ path }) => `${path}\0`).join(''))
    .digest('hex');
}

export interface Change {
  readonly replace?: boolean;
  readonly settings?: Settings;
}

export function storeFor(kind: Kind, folder: string, { replace = false, settings = SETTINGS }: Change = {}): Store {
  const shard = { index: 1, count: 1 };
  return new Store({ layout: layoutFor(kind, folder), settings, shard, head: headFor(kind), replace });
}

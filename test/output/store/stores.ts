/** What runs do with an output, and what is in a folder after them. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach } from 'vitest';
import { Earlier } from '../../../src/output/store/earlier.js';
import type { Settings } from '../../../src/output/store/journal.js';
import type { StoreRow } from '../../../src/output/store/store.js';
import { type Change, computed, type Image, type Kind, layoutFor, listOf, SETTINGS, storeFor } from './made.js';

/** A run over `images` without anything before it, to its end. */
export async function written(
  kind: Kind,
  folder: string,
  images: readonly Image[],
  change: Change = {},
): Promise<void> {
  const store = storeFor(kind, folder, change);
  await store.append(images.map((image, index) => computed(kind, image, index)));
  await store.finish(listOf(images));
}

/** A run that ends before it is complete and keeps its rows. */
export async function cutOff(kind: Kind, folder: string, images: readonly Image[], change: Change = {}): Promise<void> {
  const store = storeFor(kind, folder, change);
  await store.append(images.map((image, index) => computed(kind, image, index)));
  await store.abandon({ keep: true });
  buryWriters(folder);
}

/** No process has this number: more than Linux and macOS give. */
const DEAD_PID = 2 ** 30;

/** Makes unfinished attempts of this process those of one that has ended. */
export function buryWriters(folder: string): void {
  for (const name of readdirSync(folder).filter((entry) => /\.[0-9a-f]{8}\.journal$/.test(entry))) {
    const text = readFileSync(join(folder, name), 'utf8');
    writeFileSync(join(folder, name), text.replace(`"pid":${process.pid},`, `"pid":${DEAD_PID},`));
  }
}

export interface Continued {
  /** False where the output was there already. */
  readonly changed: boolean;
  /** Values of the images whose rows were not there. */
  readonly computed: readonly number[];
  readonly vanished: readonly string[];
}

/** A run with --resume, in batches of three rows. */
export async function continued(
  kind: Kind,
  folder: string,
  images: readonly Image[],
  { retryFailed = false, settings = SETTINGS }: { retryFailed?: boolean; settings?: Settings } = {},
): Promise<Continued> {
  const earlier = new Earlier({ retryFailed });
  try {
    await earlier.add(layoutFor(kind, folder), settings);
    const store = storeFor(kind, folder, { replace: true, settings });
    const values: number[] = [];
    const rows = images.map((image, index): StoreRow => {
      const { path, identity, value } = image;
      const kept = earlier.take(path, identity);
      if (kept !== undefined) return { path, index, kept };
      values.push(value);
      return computed(kind, image, index);
    });
    for (let i = 0; i < rows.length; i += 3) await store.append(rows.slice(i, i + 3));
    const changed = await store.finish(listOf(images));
    return { changed, computed: values, vanished: earlier.vanished() };
  } finally {
    await earlier.close();
    await earlier.cleanUp();
  }
}

/** In memory where that is possible: hundreds of outputs are synced to disk. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder, removed after the test; with what is in `like`. */
export function newFolder(like?: string): string {
  const folder = mkdtempSync(join(BASE, 'vgg16-store-'));
  folders.push(folder);
  if (like !== undefined) cpSync(like, folder, { recursive: true });
  return folder;
}

/** Name → content. Of journals without the first line, which says who wrote them. */
export function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => {
        const text = readFileSync(join(folder, name)).toString('latin1');
        return [name, name.endsWith('journal') ? text.slice(text.indexOf('\n') + 1) : text];
      }),
  );
}

/**
 * The same with what compressed files hold: a header of gzip has bits that say nothing of the rows, and one of them that has
 * turned over is no damage.
 */
export function plain(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name,
      name.endsWith('.gz') ? gunzipSync(Buffer.from(text, 'latin1')).toString('latin1') : text,
    ]),
  );
}

/** What changes when a file is written or replaced. */
export function stamps(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => {
      const { ino, mtimeNs, ctimeNs, size } = statSync(join(folder, name), { bigint: true });
      return [name, [ino, mtimeNs, ctimeNs, size].join(' ')];
    }),
  );
}

/** Numbers from 0 to 1 that are the same every time (mulberry32). */
export function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

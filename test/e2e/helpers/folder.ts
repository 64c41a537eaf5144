/** Folders of images for one test file. */

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { ROOT } from './program.js';

export const PHOTOS = join(ROOT, 'fixtures/images');
export const ODD = join(ROOT, 'fixtures/images-odd');
export const MINI = join(ROOT, 'fixtures/models/mini.safetensors');

/** One sound photograph. */
export const CAT = join(PHOTOS, 'cat.jpg');

/** Names of the sample photographs, in the order in which they are classified. */
export const PHOTO_NAMES: readonly string[] = readdirSync(PHOTOS)
  .filter((name) => name.endsWith('.jpg'))
  .sort();

/** A new folder, removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-e2e-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Puts a copy of `source` at `path`, with the folders above it. */
export function place(path: string, source = CAT): string {
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(source, path);
  return path;
}

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

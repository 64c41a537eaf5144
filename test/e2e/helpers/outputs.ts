/** Outputs over a folder of photographs, made by the program and compared with each other. */

import { linkSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './folder.js';
import { runCommand } from './host.js';
import type { Result } from './program.js';

/** Of the test file that imports this one. */
export const root = temporaryFolder();

/** Mini, quiet, at `folder`; stdin is empty unless given. */
export function run(folder: string, words: readonly string[], input = ''): Promise<Result> {
  return runCommand([...words, '-q'], { cwd: folder, env: { VGG16_MODEL: 'mini' }, input });
}

export async function done(folder: string, words: readonly string[], code = 0, input = ''): Promise<Result> {
  const result = await run(folder, words, input);
  expect(result.code, `${words.join(' ')}: ${result.stderr}`).toBe(code);
  return result;
}

/** `photos` with so many images in it; the names sort in order. */
export function folderOf(name: string, images: number): string {
  const folder = join(root, name);
  mkdirSync(join(folder, 'photos'), { recursive: true });
  const sources = PHOTO_NAMES.map((photo) => place(join(folder, 'sources', photo), join(PHOTOS, photo)));
  for (let i = 0; i < images; i += 1) linkSync(sources[i % sources.length] as string, join(folder, photo(i)));
  return folder;
}

export function photo(i: number): string {
  return `photos/${String(i).padStart(4, '0')}.jpg`;
}

/** Name → content of all that an output is: the file and what lies beside it, or a folder; without times and hosts. */
export function products(folder: string, output: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((name) => name.startsWith(`${output}.`) || name.startsWith(`${output}/`) || name === output);
  const ours = /^[^/]+\.(?:run\.json|journal)$|^[^/]+\/(?:run\.json|journal\/part-\d+\.journal)$/;
  return Object.fromEntries(
    names
      .filter((name) => !ours.test(name))
      .sort()
      .map((name) => [name.slice(output.length), readFileSync(join(folder, name), 'latin1')]),
  );
}

/** Rows that are safe, by the journals of unfinished attempts. */
export const safeRows = (folder: string, output: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith(`${output}.`) && name.endsWith('.journal'))
    .reduce((rows, name) => rows + readFileSync(join(folder, name), 'utf8').split('\n').length - 2, 0);

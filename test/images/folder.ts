/** A folder for each test of a file, and the images that are found in it. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { ImageError } from '../../src/errors.js';
import { type FindOptions, findImages, type ImageFile, type ImageList } from '../../src/images/list/find.js';

/** The test's folder; set before each test of a file that imports this. */
export let root: string;

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vgg16-archive-')));
});

afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

const DEFAULTS: Omit<FindOptions, 'inputs' | 'relativeTo'> = {
  nullSeparated: false,
  recursive: true,
  extensions: ['jpg', 'jpeg', 'png'],
  exclude: [],
  followSymlinks: false,
  absolute: false,
};

export function write(name: string, content: Buffer | string = ''): string {
  const file = path.join(root, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  return file;
}

export function find(options: Partial<FindOptions>): Promise<ImageList> {
  return findImages({ ...DEFAULTS, inputs: [root], relativeTo: root, ...options });
}

export async function collect(options: Partial<FindOptions>): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for await (const file of (await find(options)).files) files.push(file);
  return files;
}

export async function shown(options: Partial<FindOptions>): Promise<string[]> {
  return (await collect(options)).map((file) => file.path);
}

/** Each row in short: its path, and its bytes as text or its error's code. */
export async function rows(archive: string): Promise<[string, string][]> {
  const files = await collect({ inputs: [archive] });
  return files.map(({ path: name, member, failure }) => {
    const content = failure ?? member?.content;
    return [name, content instanceof ImageError ? content.code : String(content)];
  });
}

/** What a caller may give as images, and in which order it comes out. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ImageFile } from '../../src/images/list/find.js';
import { type ImageInputs, imagesOf, sourceOf } from '../../src/library/inputs.js';
import { type FindOptions, withDefaults } from '../../src/library/options.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-inputs-'));
  for (const name of ['b.jpg', 'a.jpg', 'notes.txt']) writeFileSync(join(folder, name), name);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function listed(inputs: ImageInputs, options: FindOptions = {}): Promise<readonly ImageFile[]> {
  const { files } = await imagesOf(inputs, withDefaults<FindOptions>({ relativeTo: folder, ...options }));
  const found: ImageFile[] = [];
  for await (const file of files) found.push(file);
  return found;
}

const names = (files: readonly ImageFile[]) => files.map(({ path, index }) => `${index} ${path}`);
const bytes = ({ member }: Pick<ImageFile, 'member'>) => String(member?.content);
const at = (name: string) => join(folder, name);

test('a folder, a glob, a URL object', async () => {
  const both = ['0 a.jpg', '1 b.jpg'];
  expect(names(await listed(folder))).toEqual(both);
  expect(names(await listed(at('*.jpg')))).toEqual(both);
  expect(names(await listed(pathToFileURL(folder)))).toEqual(both);
});

test('paths alone are sorted, each file once', async () => {
  expect(names(await listed([at('b.jpg'), folder, pathToFileURL(at('a.jpg'))]))).toEqual(['0 a.jpg', '1 b.jpg']);
  expect(names(await listed(new Set([at('b.jpg')])))).toEqual(['0 b.jpg']);
});

test('with bytes among them all keep their order', async () => {
  const found = await listed([at('b.jpg'), Buffer.from('one'), folder, { name: 'two', data: new Uint8Array([50]) }]);
  expect(names(found)).toEqual(['0 b.jpg', '1 <buffer>', '2 a.jpg', '3 b.jpg', '4 two']);
  expect(found.filter(({ member }) => member !== undefined).map(bytes)).toEqual(['one', '2']);
});

test('a view of a buffer is that part of it', async () => {
  expect(bytes(await sourceOf(Buffer.from('abcdef').subarray(2, 4)))).toBe('cd');
});

test('streams of Node and of the web', async () => {
  const web = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from('we'));
      controller.enqueue(Buffer.from('b'));
      controller.close();
    },
  });
  const found = await listed([Readable.from([Buffer.from('no'), Buffer.from('de')]), web]);
  expect(names(found)).toEqual(['0 <stream>', '1 <stream>']);
  expect(found.map(bytes)).toEqual(['node', 'web']);
});

test('a stream that breaks, or gives no bytes, is an image that fails', async () => {
  const broken = new Readable({ read: (): void => void broken.destroy(new Error('the line is cut')) });
  const [first, second] = await listed([broken, Readable.from([{ some: 'object' }])]);
  expect(first?.member?.content).toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('the line is cut'),
  });
  expect(second?.member?.content).toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining('an object') });
});

test('a generator is read no further than it must be', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.from(String(given++));
  }
  expect((await listed(endless(), { limit: 3 })).map(bytes)).toEqual(['0', '1', '2']);
  expect(given).toBe(3);
});

test('limit and shard count over all inputs', async () => {
  const inputs = () => [folder, Buffer.from('one'), Buffer.from('two')];
  expect(names(await listed(inputs(), { limit: 3 }))).toEqual(['0 a.jpg', '1 b.jpg', '2 <buffer>']);
  const shard = { index: 2, count: 2 };
  expect(names(await listed(inputs(), { shard }))).toEqual(['1 b.jpg', '3 <buffer>']);
  expect(names(await listed(folder, { shard }))).toEqual(['1 b.jpg']);
});

test('paths without an image are an error, and a row where other inputs may follow', async () => {
  await expect(listed(at('none.jpg'))).rejects.toMatchObject({ code: 'NO_INPUTS' });
  const [first, second] = await listed([at('none.jpg'), Buffer.from('one')]);
  expect(first).toMatchObject({ index: 0, failure: { code: 'NOT_FOUND' } });
  expect(second).toMatchObject({ index: 1, path: '<buffer>' });
});

test('no inputs give no rows', async () => {
  expect(await listed([])).toEqual([]);
});

test.each([
  [42, 'Expected an image as a path, a file: URL, bytes or a stream but received number.'],
  [{ name: 'x', data: 'text' }, 'but received string.'],
  [new URL('https://example.org/a.jpg'), 'Expected the URL of a file but received https://example.org/a.jpg.'],
])('what can be no image is told', async (input, message) => {
  await expect(sourceOf(input as never)).rejects.toThrow(message);
});

test.each([{ limit: 0 }, { shard: { index: 3, count: 2 } }, { shard: { index: 0, count: 2 } }])(
  'limits that make no sense are told: %j',
  async (options) => {
    await expect(listed(folder, options)).rejects.toMatchObject({ code: 'USAGE' });
  },
);

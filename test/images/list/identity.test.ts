import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ImageError } from '../../../src/errors.js';
import { findImages, type ImageFile } from '../../../src/images/list/find.js';
import { identityOf } from '../../../src/images/list/identity.js';
import { TAR_END, tar, tarEntry, zip } from '../archive/archives.js';

let root: string;

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vgg16-identity-')));
});

afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

/** 2024-05-04T12:00:00Z, in s; a file system keeps it to the nanosecond. */
const TIME = 1_714_824_000;
const NANOSECONDS = '1714824000000000000';

function write(name: string, content: Buffer | string): Buffer {
  const file = path.join(root, name);
  fs.writeFileSync(file, content);
  fs.utimesSync(file, TIME, TIME);
  return Buffer.from(file);
}

function linkToNothing(): string {
  fs.symlinkSync('none', `${root}/link`);
  return `${root}/link`;
}

async function entries(archive: Buffer): Promise<ImageFile[]> {
  const list = await findImages({
    inputs: [archive],
    nullSeparated: false,
    recursive: true,
    extensions: ['jpg'],
    exclude: [],
    followSymlinks: false,
    relativeTo: root,
    absolute: false,
  });
  const files: ImageFile[] = [];
  for await (const file of list.files) files.push(file);
  return files;
}

test('a file is its size and its time in nanoseconds, through links too', async () => {
  const file = write('a.jpg', 'twelve bytes');
  fs.symlinkSync('a.jpg', path.join(root, 'link.jpg'));
  expect(await identityOf({ file })).toBe(`12:${NANOSECONDS}`);
  expect(await identityOf({ file: Buffer.from(`${root}/link.jpg`) })).toBe(`12:${NANOSECONDS}`);
});

test('a file that is written again is another', async () => {
  const file = write('a.jpg', 'one');
  const before = await identityOf({ file });
  fs.writeFileSync(file, 'two');
  expect(await identityOf({ file })).not.toBe(before);
});

test.each([
  ['nothing', () => `${root}/none.jpg`],
  ['below a file', () => `${write('a.jpg', '')}/b.jpg`],
  ['an endless name', () => `${root}/${'x'.repeat(5000)}`],
  ['a link to nothing', () => linkToNothing()],
  ['NUL in the name', () => `${root}/a\0.jpg`],
])('missing: %s', async (_name, file) => {
  expect(await identityOf({ file: Buffer.from(file()) })).toBe('missing');
});

test('what may not be looked at is told by the code', async () => {
  fs.symlinkSync('loop', path.join(root, 'loop'));
  expect(await identityOf({ file: Buffer.from(`${root}/loop`) })).toBe('unreadable:ELOOP');
});

/** sha256 of the content, as `sha256sum` prints it, cut off. */
const SHA = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;

test('a file in an archive is its content, whatever the archive', async () => {
  const members = [
    { name: 'a.jpg', body: 'four' },
    { name: 'b.jpg', body: 'five!' },
    // The same name and size again, other bytes.
    { name: 'a.jpg', body: 'more' },
  ];
  for (const archive of [write('x.tar', tar(...members)), write('x.zip', zip(...members))]) {
    const found = await entries(archive);
    expect(await Promise.all(found.map(identityOf))).toEqual([SHA('four'), SHA('five!'), SHA('more')]);
  }
  expect(SHA('four')).toBe('sha256:04efaf080f5a3e74');
});

test('a file in an archive without content is why it has none, and the time of the archive', async () => {
  const encrypted = write('x.zip', zip({ name: 'a.jpg', body: 'four', flags: 1 }));
  const found = await entries(encrypted);
  expect(found.map(({ member }) => member?.content)).toEqual([expect.any(ImageError)]);
  expect(await Promise.all(found.map(identityOf))).toEqual([`UNSUPPORTED_FORMAT:4:${NANOSECONDS}`]);
});

test('the row of a damaged archive has the identity of the archive', async () => {
  const whole = tarEntry({ name: 'a.jpg', body: 'four' });
  const archive = write('x.tar', Buffer.concat([whole, Buffer.alloc(100, 'x'), TAR_END]));
  expect(await Promise.all((await entries(archive)).map(identityOf))).toEqual([
    SHA('four'),
    `${whole.length + 100 + TAR_END.length}:${NANOSECONDS}`,
  ]);
});

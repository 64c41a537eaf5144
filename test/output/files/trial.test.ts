import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkOutput } from '../../../src/output/files/check-output.js';
import { isTrial, tryFolder } from '../../../src/output/files/trial.js';

let folder: string;
const at = (name: string) => join(folder, name);
const isRoot = process.getuid?.() === 0;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vgg16-trial-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const refused = (file: string, force = false) => expect(checkOutput(file, { force })).rejects;

test('leaves nothing behind, and an output that is there as it is', async () => {
  await checkOutput(at('new.csv'), { force: false });
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(at('old.csv'), 'old\n');
  const before = statSync(at('old.csv'), { bigint: true });
  await checkOutput(at('old.csv'), { force: true });
  expect(statSync(at('old.csv'), { bigint: true })).toMatchObject({ ino: before.ino, ctimeNs: before.ctimeNs });
  expect(readdirSync(folder)).toEqual(['old.csv']);
});

test('refuses a name that is too long with what a run appends to it, and says how long it may be', async () => {
  const named = (bytes: number) => at(`${'ü'.repeat(100)}${'n'.repeat(bytes - 204)}.csv`);
  await refused(named(255)).toMatchObject({ exitCode: 2, message: expect.stringContaining('has 255 bytes') });
  await refused(named(230)).toMatchObject({ exitCode: 2, hint: 'Use a name of at most 227 bytes.' });
  await refused(named(256)).toMatchObject({ exitCode: 2, message: expect.stringContaining('too long') });
  await checkOutput(named(227), { force: false });
});

test('follows a link to a file that is to be made', async () => {
  execFileSync('ln', ['-s', 'sub/new.csv', at('link.csv')]);
  await refused(at('link.csv')).toMatchObject({ message: expect.stringContaining(`${at('sub')} does not exist`) });
  mkdirSync(at('sub'));
  await checkOutput(at('link.csv'), { force: false });
});

/** A file mounted over another, where this machine lets us. */
function mounted(): boolean {
  for (const name of ['source', 'x y.csv']) writeFileSync(at(name), 'old\n');
  return spawnSync('mount', ['--bind', at('source'), at('x y.csv')]).status === 0;
}

test.skipIf(!isRoot)('refuses the target of a mount, which nothing can be renamed over', async (context) => {
  if (!mounted()) context.skip();
  try {
    await refused(at('x y.csv'), true).toMatchObject({ exitCode: 2, message: expect.stringContaining('mount') });
    expect(readFileSync(at('x y.csv'), 'utf8')).toBe('old\n');
  } finally {
    execFileSync('umount', [at('x y.csv')]);
  }
});

test.skipIf(!isRoot)('refuses a file that is immutable', async (context) => {
  writeFileSync(at('x.csv'), 'old\n');
  if (spawnSync('chattr', ['+i', at('x.csv')]).status !== 0) context.skip();
  try {
    await refused(at('x.csv'), true).toMatchObject({ exitCode: 2, message: expect.stringContaining('immutable') });
  } finally {
    execFileSync('chattr', ['-i', at('x.csv')]);
  }
});

test('knows its own files by their names', () => {
  expect(isTrial('x.csv.0123abcd.try-output.partial', 'x.csv')).toBe(true);
  for (const name of ['x.csv.0123abcd.partial', 'y.csv.0123abcd.try-output.partial', 'x.csv.my.try-output.partial']) {
    expect(isTrial(name, 'x.csv'), name).toBe(false);
  }
});

test('makes the folder of a dataset and those above it, and takes them away again', async () => {
  await tryFolder(at('a/b/c'), 'manifest.json');
  expect(readdirSync(folder)).toEqual([]);
  mkdirSync(at('a'));
  await tryFolder(at('a/b'), 'manifest.json');
  expect(readdirSync(folder)).toEqual(['a']);
  writeFileSync(at('file'), '');
  await expect(tryFolder(at('file/b'), 'manifest.json')).rejects.toMatchObject({ exitCode: 2 });
  await expect(tryFolder(at('n'.repeat(256)), 'manifest.json')).rejects.toMatchObject({ exitCode: 2 });
});

test('of runs that try the same folder at once lets all go on', async () => {
  await Promise.all(Array.from({ length: 8 }, () => tryFolder(at('a/b'), 'manifest.json')));
  // Folders that another one has made in between may stay, but no file.
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  expect(entries.filter((entry) => !entry.isDirectory())).toEqual([]);
});

test.skipIf(isRoot)('names a folder that cannot be written to', async () => {
  mkdirSync(at('d'));
  chmodSync(at('d'), 0o500);
  await expect(tryFolder(at('d/new'), 'manifest.json')).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('permission is denied'),
  });
});

/** The configuration that comes with a folder: how it is read, and what in it is refused. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_CONFIG_BYTES } from '../../../src/cli/command/config-file.js';
import { checkFolderValues, readFolderConfig } from '../../../src/cli/command/folder-config.js';

let outside: string;
let folder: string;
beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'vgg16-folder-config-'));
  folder = join(outside, 'photos');
  mkdirSync(folder);
});
afterEach(() => rmSync(outside, { recursive: true, force: true }));

const config = () => join(folder, 'vgg16.config.json');

describe('readFolderConfig', () => {
  it('gives the text, and nothing where there is no file', async () => {
    expect(await readFolderConfig(folder)).toBeUndefined();
    writeFileSync(config(), '{"top-k": 1}');
    expect(await readFolderConfig(folder)).toBe('{"top-k": 1}');
  });

  it('follows a link within the folder', async () => {
    writeFileSync(join(folder, 'shared.json'), '{}');
    symlinkSync('shared.json', config());
    expect(await readFolderConfig(folder)).toBe('{}');
  });

  it.each<[string, () => void, string]>([
    ['a folder', () => mkdirSync(config()), 'Expected a regular file as the configuration'],
    ['a pipe, without waiting for a writer', () => execFileSync('mkfifo', [config()]), 'Expected a regular file'],
    ['a link to a device', () => symlinkSync('/dev/zero', config()), 'a link that leads out of it'],
    ['a link to itself', () => symlinkSync('vgg16.config.json', config()), 'a link that leads nowhere'],
    ['a link to nothing', () => symlinkSync('none.json', config()), 'a link that leads nowhere'],
    ['what is too large', () => writeFileSync(config(), ' '.repeat(MAX_CONFIG_BYTES + 1)), 'has more'],
  ])('refuses %s', async (_name, make, message) => {
    make();
    await expect(readFolderConfig(folder)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    });
  });

  it('refuses a link out of the folder without a word of what is there', async () => {
    writeFileSync(join(outside, 'secret'), 'token-4711');
    symlinkSync('../secret', config());
    const error = await readFolderConfig(folder).catch((found: unknown) => found);
    expect(error).toMatchObject({ exitCode: 2, hint: 'Type --config vgg16.config.json if you trust the file.' });
    expect(String(error)).not.toContain('4711');
  });
});

describe('checkFolderValues', () => {
  const check = (key: string, value: string) => checkFolderValues(new Map([[key, [value]]]), folder);

  it.each(['mini', 'imagenet', 'weights.pth', 'sub/weights.pth', 'flowers', 'none/at/all'])(
    'takes the model %s',
    async (model) => {
      mkdirSync(join(folder, 'sub'));
      for (const name of ['weights.pth', 'sub/weights.pth']) writeFileSync(join(folder, name), '');
      await check('model', model);
    },
  );

  it('takes an absolute path that stays within', async () => {
    writeFileSync(join(folder, 'labels.txt'), '');
    await check('labels', join(folder, 'labels.txt'));
  });

  it.each<[string, (() => void) | undefined, string]>([
    ['../weights.pth', undefined, 'goes up'],
    ['sub/../weights.pth', undefined, 'goes up'],
    ['/etc/hostname', undefined, 'leads out'],
    ['/nowhere/at/all', undefined, 'leads out'],
    ['link.pth', () => symlinkSync(join(outside, 'weights.pth'), join(folder, 'link.pth')), 'leads out'],
    ['way/weights.pth', () => symlinkSync(outside, join(folder, 'way')), 'leads out'],
    ['pipe', () => execFileSync('mkfifo', [join(folder, 'pipe')]), 'neither a file nor a folder'],
    ['loop', () => symlinkSync('loop', join(folder, 'loop')), 'cannot be looked up'],
  ])('refuses %s', async (path, make, reason) => {
    writeFileSync(join(outside, 'weights.pth'), '');
    make?.();
    for (const key of ['model', 'labels', 'preset']) {
      await expect(check(key, path)).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(new RegExp(`within the folder for "${key}" in .*${reason}`)),
      });
    }
  });

  it.each(['+(a+)+b', '(a+)+b', '!(a)', '[a]+[a]+[a]+b', '{a,b}+c', '*a*a*a*b', '{*,*}{*,*}b'])(
    'refuses the glob %s, which can take for ever',
    async (glob) => {
      await expect(check('exclude', glob)).rejects.toMatchObject({
        message: expect.stringContaining('without groups'),
      });
    },
  );

  it('refuses a thousand globs', async () => {
    const globs = Array.from({ length: 1000 }, (_, i) => `${i}.jpg`);
    await expect(checkFolderValues(new Map([['exclude', globs]]), folder)).rejects.toMatchObject({
      message: expect.stringContaining('at most 100 globs'),
    });
  });

  it.each([
    '*_thumb.jpg',
    'bad/**',
    '{a,b}.png',
    '* \\(1\\).jpg',
    '[0-9]*',
    '**/thumbs/**',
    'C++.png',
    '\\*\\*\\*\\*\\*',
  ])('takes the glob %s', async (glob) => {
    await check('exclude', glob);
  });

  it('refuses a key that is not for a folder, and says what to type', async () => {
    await expect(check('cache-dir', '.')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('but received the key "cache-dir".'),
      hint: 'Type --config vgg16.config.json if you trust the file; or set it yourself, by --cache-dir or VGG16_CACHE_DIR.',
    });
  });
});

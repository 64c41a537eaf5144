import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutput, openDevice, publish, writeAtomically } from '../../src/output/atomic.js';

let folder: string;
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-output-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('publish', () => {
  beforeEach(() => writeFileSync(at('a.partial'), 'mine\n'));

  it('gives the partial file the name of the output, and leaves nothing else', async () => {
    await publish(at('a.partial'), at('a.csv'), false);
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(read('a.csv')).toBe('mine\n');
  });

  it('is well where another attempt has published the same rows', async () => {
    writeFileSync(at('a.csv'), 'mine\n');
    await publish(at('a.partial'), at('a.csv'), false);
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(read('a.csv')).toBe('mine\n');
  });

  it.each(['them\n', 'mine', 'mine\nand more\n', ''])(
    'never replaces what another attempt has published: %j',
    async (theirs) => {
      writeFileSync(at('a.csv'), theirs);
      await expect(publish(at('a.partial'), at('a.csv'), false)).rejects.toMatchObject({
        code: 'OUTPUT_EXISTS',
        exitCode: 2,
        message: expect.stringContaining(at('a.partial')),
      });
      expect(read('a.csv')).toBe(theirs);
      expect(read('a.partial')).toBe('mine\n');
    },
  );

  it('compares files that are longer than what is read of them at a time', async () => {
    const rows = Buffer.alloc((2 << 20) + 5, 'row\n');
    writeFileSync(at('a.partial'), rows);
    writeFileSync(at('a.csv'), rows);
    await publish(at('a.partial'), at('a.csv'), false);
    rows[rows.length - 1] = 0;
    writeFileSync(at('a.partial'), rows);
    await expect(publish(at('a.partial'), at('a.csv'), false)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  });

  it('replaces an output with force', async () => {
    writeFileSync(at('a.csv'), 'old\n');
    await publish(at('a.partial'), at('a.csv'), true);
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(read('a.csv')).toBe('mine\n');
  });

  it('leaves a file that it replaces as private as it was', async () => {
    writeFileSync(at('a.csv'), 'old\n', { mode: 0o600 });
    chmodSync(at('a.partial'), 0o644);
    await publish(at('a.partial'), at('a.csv'), true);
    expect(statSync(at('a.csv')).mode & 0o777).toBe(0o600);
  });

  it.each([false, true])('of a file that is gone is an error, whatever is there, with force %s', async (force) => {
    rmSync(at('a.partial'));
    await expect(publish(at('a.partial'), at('a.csv'), force)).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(at('a.csv'), 'them\n');
    await expect(publish(at('a.partial'), at('a.csv'), force)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(read('a.csv')).toBe('them\n');
  });
});

describe('checkOutput', () => {
  it('creates nothing', async () => {
    await checkOutput(at('a.csv'), { force: false });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses an existing file, also through a link, but not with force', async () => {
    writeFileSync(at('a.csv'), 'old\n');
    symlinkSync(at('a.csv'), at('link.csv'));
    for (const name of ['a.csv', 'link.csv']) {
      await expect(checkOutput(at(name), { force: false })).rejects.toMatchObject({
        code: 'OUTPUT_EXISTS',
        exitCode: 2,
      });
      await checkOutput(at(name), { force: true });
    }
    expect(read('a.csv')).toBe('old\n');
  });

  it('names a folder that is missing, a folder in place of a file, a file in place of a folder', async () => {
    mkdirSync(at('d'));
    writeFileSync(at('f'), '');
    for (const force of [false, true]) {
      const refused = (file: string) => expect(checkOutput(at(file), { force })).rejects;
      await refused('no/a.csv').toMatchObject({ exitCode: 2, message: expect.stringContaining('does not exist') });
      await refused('d').toMatchObject({ exitCode: 2, message: expect.stringContaining('is a folder') });
      await refused('f/a.csv').toMatchObject({ exitCode: 2, message: expect.stringContaining('is a file') });
    }
  });

  it.skipIf(process.getuid?.() === 0)('names a folder that cannot be written to', async () => {
    mkdirSync(at('d'));
    chmodSync(at('d'), 0o500);
    await expect(checkOutput(at('d/a.csv'), { force: false })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('permission is denied'),
    });
  });

  it('lets a device be', async () => {
    await checkOutput('/dev/null', { force: false });
  });
});

describe('openDevice', () => {
  it('is for devices and pipes, not for what is a file or is to become one', async () => {
    writeFileSync(at('a.csv'), 'old\n');
    expect(await openDevice(at('a.csv'))).toBeUndefined();
    expect(await openDevice(at('new.csv'))).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(read('a.csv')).toBe('old\n');
  });

  it.skipIf(process.platform !== 'linux')('says before the first row that a device is full: exit 1', async () => {
    await expect(openDevice('/dev/full')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      exitCode: 1,
      message: 'Expected to write /dev/full but no space is left on the device.',
    });
  });

  it('writes into a device instead of replacing it', async () => {
    const sink = await openDevice('/dev/null');
    await sink?.write('row\n');
    await sink?.finish();
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('writes rows into a pipe as they come', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const reading = readFile(at('pipe'), 'utf8');
    const sink = await openDevice(at('pipe'));
    await sink?.write('one\n');
    await sink?.write('two\n');
    await sink?.finish();
    expect(await reading).toBe('one\ntwo\n');
  });
});

describe('writeAtomically', () => {
  it('replaces a file whole and leaves nothing else', async () => {
    writeFileSync(at('r.json'), 'a longer text than the new one');
    await writeAtomically(at('r.json'), '{}\n');
    expect(read('r.json')).toBe('{}\n');
    expect(readdirSync(folder)).toEqual(['r.json']);
  });
});

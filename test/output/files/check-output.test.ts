import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutput } from '../../../src/output/files/check-output.js';

let folder: string;
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-output-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

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

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publish, writeAtomically } from '../../../src/output/files/atomic.js';

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

describe('writeAtomically', () => {
  it('replaces a file whole and leaves nothing else', async () => {
    writeFileSync(at('r.json'), 'a longer text than the new one');
    await writeAtomically(at('r.json'), '{}\n');
    expect(read('r.json')).toBe('{}\n');
    expect(readdirSync(folder)).toEqual(['r.json']);
  });
});

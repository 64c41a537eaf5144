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
import { openOutput, writeAtomically } from '../../src/output/atomic.js';

let folder: string;
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-output-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openOutput', () => {
  it('shows nothing under the name of the output before it is complete', async () => {
    const sink = await openOutput(at('a.csv'), { force: false });
    await sink.write('one\n');
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^a\.csv\.[0-9a-f]{8}\.partial$/)]);
    await sink.write('two\n');
    await sink.finish();
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(read('a.csv')).toBe('one\ntwo\n');
  });

  it('gives each attempt a file of its own; the second to finish with the same rows succeeds', async () => {
    const [first, second] = [
      await openOutput(at('a.csv'), { force: false }),
      await openOutput(at('a.csv'), { force: false }),
    ];
    for (const sink of [first, second]) await sink.write('same\n');
    expect(readdirSync(folder)).toHaveLength(2);
    await first.finish();
    await second.finish();
    expect(readdirSync(folder)).toEqual(['a.csv']);
  });

  it('never replaces what another attempt has published with other rows', async () => {
    const sink = await openOutput(at('a.csv'), { force: false });
    await sink.write('mine\n');
    writeFileSync(at('a.csv'), 'them\n');
    await expect(sink.finish()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS', exitCode: 2 });
    expect(read('a.csv')).toBe('them\n');
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('leaves the rows of a run that did not complete, or nothing', async () => {
    const sink = await openOutput(at('a.csv'), { force: false });
    await sink.write('one\n');
    const partial = await sink.abandon({ keep: true });
    expect(readFileSync(partial ?? '', 'utf8')).toBe('one\n');
    const other = await openOutput(at('b.csv'), { force: false });
    expect(await other.abandon({ keep: false })).toBeUndefined();
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('refuses an existing file before any work, and replaces it with force, also through a link', async () => {
    writeFileSync(at('a.csv'), 'old\n');
    symlinkSync(at('a.csv'), at('link.csv'));
    await expect(openOutput(at('a.csv'), { force: false })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      exitCode: 2,
    });
    const sink = await openOutput(at('link.csv'), { force: true });
    await sink.write('new\n');
    expect(read('a.csv')).toBe('old\n');
    await sink.finish();
    expect(read('a.csv')).toBe('new\n');
    expect(readdirSync(folder).sort()).toEqual(['a.csv', 'link.csv']);
  });

  it('names a folder that is missing, a folder in place of a file, a file in place of a folder', async () => {
    mkdirSync(at('d'));
    writeFileSync(at('f'), '');
    const refused = (file: string) => expect(openOutput(file, { force: false })).rejects;
    await refused(at('no/a.csv')).toMatchObject({ exitCode: 2, message: expect.stringContaining('does not exist') });
    await refused(at('d')).toMatchObject({ exitCode: 2, message: expect.stringContaining('is a folder') });
    await refused(at('f/a.csv')).toMatchObject({ exitCode: 2, message: expect.stringContaining('is a file') });
  });

  it.skipIf(process.getuid?.() === 0)('names a folder that cannot be written to', async () => {
    mkdirSync(at('d'));
    chmodSync(at('d'), 0o500);
    await expect(openOutput(at('d/a.csv'), { force: false })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('permission is denied'),
    });
  });

  it.skipIf(process.platform !== 'linux')('says that the disk is full: exit 1', async () => {
    const sink = await openOutput('/dev/full', { force: false });
    await expect(sink.write('row\n')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      exitCode: 1,
      message: 'Expected to write /dev/full but no space is left on the device.',
    });
    await sink.abandon({ keep: false });
  });

  it('writes into a device instead of replacing it, and keeps no record beside it', async () => {
    const sink = await openOutput('/dev/null', { force: false });
    await sink.write('row\n');
    await sink.finish();
    expect(sink.isFile).toBe(false);
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

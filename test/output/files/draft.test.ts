import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Draft, discardDrafts, writeWhole } from '../../../src/output/files/draft.js';
import { type ProcessIdentity, thisProcess } from '../../../src/process.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-draft-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const NEW = { replace: false };
const text = (content: string) => (path: string) => writeFile(path, content);
const folderWith = (name: string) => async (path: string) => {
  await mkdir(path);
  await writeFile(join(path, name), name);
};

/** A number that a process had a moment ago. */
const deadPid = () => spawnSync('true').pid;

/** What another run for `name` has left, or is at. */
async function plant(name: string, change: Partial<ProcessIdentity> & { readonly output?: string }): Promise<string> {
  const draft = join(folder, `${name}.0123abcd.partial`);
  mkdirSync(draft);
  writeFileSync(join(draft, 'owner.json'), JSON.stringify({ ...(await thisProcess()), output: name, ...change }));
  writeFileSync(join(draft, 'whole'), 'half');
  return draft;
}

const age = (path: string, hours: number) =>
  utimesSync(path, Date.now() / 1000 - 3600 * hours, Date.now() / 1000 - 3600 * hours);

describe('writeWhole', () => {
  it('gives a file its name when it is whole', async () => {
    const output = join(folder, 'x.bin');
    const seen = await writeWhole(output, NEW, async (path) => {
      await writeFile(path, 'whole');
      expect(existsSync(output)).toBe(false);
      return dirname(path);
    });
    expect(dirname(seen)).toBe(folder);
    expect(readFileSync(output, 'utf8')).toBe('whole');
    expect(readdirSync(folder)).toEqual(['x.bin']);
  });

  it.each([
    ['a file', text('new'), text('theirs')],
    ['a folder', folderWith('new'), folderWith('theirs')],
    ['a folder where a file is', folderWith('new'), text('theirs')],
  ])('%s: what another run has put there meanwhile stays', async (_what, write, theirs) => {
    const output = join(folder, 'x');
    const meanwhile = async (path: string) => {
      await write(path);
      await theirs(output);
    };
    const there = () => (existsSync(join(output, 'theirs')) ? 'theirs' : readFileSync(output, 'utf8'));
    await expect(writeWhole(output, NEW, meanwhile)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS', exitCode: 2 });
    expect(there()).toBe('theirs');
    expect(readdirSync(folder)).toEqual(['x']);
  });

  it('replaces a folder, unless that must not be', async () => {
    const output = join(folder, 'x');
    await writeWhole(output, NEW, folderWith('old'));
    const mayReplace = () => Promise.reject(new Error('not yours'));
    await expect(writeWhole(output, { replace: true, mayReplace }, folderWith('new'))).rejects.toThrow('not yours');
    expect(readdirSync(output)).toEqual(['old']);
    await writeWhole(output, { replace: true, mayReplace: async () => {} }, folderWith('new'));
    expect(readdirSync(output)).toEqual(['new']);
    expect(readdirSync(folder)).toEqual(['x']);
  });

  it('takes an empty folder without being told to replace it', async () => {
    const output = join(folder, 'x');
    mkdirSync(output);
    await writeWhole(output, NEW, folderWith('new'));
    expect(readdirSync(output)).toEqual(['new']);
  });

  it('follows a link to what it leads to', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    await writeWhole(join(folder, 'elsewhere/real'), NEW, folderWith('old'));
    symlinkSync('elsewhere/real', join(folder, 'x'));
    await writeWhole(join(folder, 'x'), { replace: true }, folderWith('new'));
    expect(readdirSync(join(folder, 'elsewhere'))).toEqual(['real']);
    expect(readdirSync(join(folder, 'elsewhere/real'))).toEqual(['new']);
    expect(readdirSync(folder)).toEqual(['elsewhere', 'x']);
  });

  it('leaves nothing after an error, which it tells as the system’s or leaves as it is', async () => {
    const output = join(folder, 'x');
    const fails = (error: Error) => async (path: string) => {
      await writeFile(path, 'half');
      throw error;
    };
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    await expect(writeWhole(output, NEW, fails(full))).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      exitCode: 1,
      message: `Expected to write ${output} but no space is left on the device.`,
    });
    const reading = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
    for (const other of [new Error('a bug'), reading]) {
      await expect(writeWhole(output, NEW, fails(other))).rejects.toBe(other);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('publishes nothing once its signal is aborted', async () => {
    const aborted = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(writeWhole(join(folder, 'x'), { replace: true, signal: aborted }, text('new'))).rejects.toThrow(
      'Ctrl-C',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([200, 240, 255])('takes a name of %i bytes', async (bytes) => {
    const name = 'é'.repeat(bytes / 2) + 'x'.repeat(bytes % 2);
    await writeWhole(join(folder, name), NEW, text('whole'));
    expect(readdirSync(folder)).toEqual([name]);
  });

  it('says why where nothing can be made', async () => {
    const output = join(folder, 'none/x');
    await expect(writeWhole(output, NEW, text('new'))).rejects.toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
  });
});

describe('what a kill has left', () => {
  const publish = (name = 'x') => writeWhole(join(folder, name), { replace: true }, text('whole'));

  it('is deleted once its process has ended', async () => {
    const draft = await plant('x', { pid: deadPid() });
    await publish();
    expect(existsSync(draft)).toBe(false);
  });

  it('is deleted where another process has got the same number since', async () => {
    const draft = await plant('x', { began: '1' });
    await publish();
    expect(existsSync(draft)).toBe(false);
  });

  it('stays while its process runs, and is none of another output’s', async () => {
    const running = await plant('x', {});
    const other = await plant('y', { pid: deadPid() });
    const cut = await plant('x.0123abcd.partial', { pid: deadPid() });
    await publish();
    expect([running, other, cut].map(existsSync)).toEqual([true, true, true]);
  });

  it('on another machine is deleted when nobody has touched it for an hour', async () => {
    const draft = await plant('x', { pid: deadPid(), machine: 'elsewhere' });
    await publish();
    expect(existsSync(draft)).toBe(true);
    age(join(draft, 'owner.json'), 2);
    await publish();
    expect(existsSync(draft)).toBe(false);
  });

  it('without an owner is deleted after a minute, where it is empty', async () => {
    const draft = join(folder, 'x.0123abcd.partial');
    mkdirSync(draft);
    await publish();
    expect(existsSync(draft)).toBe(true);
    age(draft, 1);
    await publish();
    expect(existsSync(draft)).toBe(false);
  });

  it('is nothing that another program, or a run that streams rows, has there', async () => {
    writeFileSync(join(folder, 'x.00000001.partial'), 'rows');
    mkdirSync(join(folder, 'x.00000002.partial'));
    writeFileSync(join(folder, 'x.00000002.partial/thesis.txt'), 'mine');
    age(join(folder, 'x.00000002.partial'), 2);
    const dead = await plant('z', { pid: deadPid(), output: 'x' });
    symlinkSync(dead, join(folder, 'x.00000003.partial'));
    const before = readdirSync(folder);
    await publish();
    expect(readdirSync(folder)).toEqual([...before, 'x'].sort());
    expect(readdirSync(dead)).toEqual(['owner.json', 'whole']);
  });

  it('with the folder that was to be replaced stays until a new one has the name', async () => {
    const draft = await plant('x', { pid: deadPid() });
    mkdirSync(join(draft, 'replaced'));
    const failing = writeWhole(join(folder, 'x'), NEW, () => Promise.reject(new Error('full')));
    await expect(failing).rejects.toThrow('full');
    expect(existsSync(draft)).toBe(true);
    await publish();
    expect(existsSync(draft)).toBe(false);
  });
});

describe('discardDrafts', () => {
  it('deletes what is in the making, at once', async () => {
    const drafts = await Promise.all(['x', 'y'].map((name) => Draft.open(join(folder, name))));
    for (const { path } of drafts) writeFileSync(path, 'half');
    discardDrafts();
    expect(readdirSync(folder)).toEqual([]);
  });
});

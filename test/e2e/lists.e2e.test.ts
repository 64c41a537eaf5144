import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { PROGRAM, start, startProgram } from './helpers/program.js';
import { csvRows, expectOneSentence, jsonRows } from './helpers/rows.js';

describe('--files-from -', () => {
  it('keeps the order and repeats of a list with CRLF, blank lines and no end to its last line', async () => {
    const input = 'ship.jpg\r\ncat.jpg\r\n\r\nship.jpg\r\ngone.jpg\r\nairplane.jpg';
    const run = await runClassify(['--files-from', '-', '-k1', '--format', 'jsonl'], { cwd: PHOTOS, input });
    expect(run.code).toBe(3);
    const rows = jsonRows(run.stdout);
    expect(rows.map(({ path, index }) => [path, index])).toEqual(
      ['ship.jpg', 'cat.jpg', 'ship.jpg', 'gone.jpg', 'airplane.jpg'].map((path, index) => [path, index]),
    );
    expect(rows[2]).toEqual({ ...rows[0], index: 2 });
  });

  it('takes names that end with NUL as they are with -0', async () => {
    const folder = temporaryFolder();
    copyFileSync(join(PHOTOS, 'cat.jpg'), join(folder, 'a\r'));
    copyFileSync(join(PHOTOS, 'cat.jpg'), join(folder, 'b\nc'));
    const run = await runClassify(['--files-from', '-', '-0', '-k1'], { cwd: folder, input: 'b\nc\0a\r\0b\nc\0' });
    expect(run.code, run.stderr).toBe(0);
    expect(csvRows(run.stdout).map(({ path }) => path)).toEqual(['b\nc', 'a\r', 'b\nc']);
  });

  it('writes a row as soon as its path has come, while the list is still open', async () => {
    const run = start(['classify', '-q', '-m', 'mini', '-k1', '--files-from', '-'], { cwd: PHOTOS });
    for (const name of PHOTO_NAMES.slice(0, 3)) {
      run.child.stdin.write(`${name}\n`);
      await run.until('stdout', (text) => text.includes(`\n${name},ok,`) && text.endsWith('\n'));
    }
    run.child.stdin.end();
    const { code, stdout } = await run.done;
    expect(code).toBe(0);
    expect(csvRows(stdout).map(({ path }) => path)).toEqual(PHOTO_NAMES.slice(0, 3));
  });

  it('reads a list from a file too, its paths as from the current folder', async () => {
    const folder = temporaryFolder();
    place(join(folder, 'photos/a.jpg'));
    mkdirSync(join(folder, 'lists'));
    writeFileSync(join(folder, 'lists/list.txt'), '\uFEFFphotos/a.jpg\n./photos/../photos/a.jpg\n');
    const run = await runClassify(['--files-from', 'lists/list.txt', '-k1'], { cwd: folder });
    expect(run.code, run.stderr).toBe(0);
    expect(csvRows(run.stdout).map(({ path }) => path)).toEqual(['photos/a.jpg', 'photos/a.jpg']);
  });
});

describe('a list that was written on Windows', () => {
  it('is read in UTF-16, as PowerShell writes it', async () => {
    const folder = temporaryFolder();
    place(join(folder, 'photos/cät.jpg'));
    const list = Buffer.from('\uFEFFphotos/cät.jpg\r\nphotos/cät.jpg\r\n', 'utf16le');
    writeFileSync(join(folder, 'list.txt'), list);
    const [file, pipe] = await Promise.all([
      runClassify(['--files-from', 'list.txt', '-k1'], { cwd: folder }),
      runClassify(['--files-from', '-', '-k1'], { cwd: folder, input: list }),
    ]);
    expect([file.code, pipe.code], file.stderr + pipe.stderr).toEqual([0, 0]);
    expect(csvRows(file.stdout).map(({ path }) => path)).toEqual(['photos/cät.jpg', 'photos/cät.jpg']);
    expect(pipe.stdout).toEqual(file.stdout);
  });

  it('is refused in another encoding, before a model is opened where it is a file', async () => {
    const folder = temporaryFolder();
    place(join(folder, 'cät.jpg'));
    const list = Buffer.from('c\xe4t.jpg\n', 'latin1');
    writeFileSync(join(folder, 'list.txt'), list);
    const file = await runCommand(['classify', '--files-from', 'list.txt', '-m', 'gone.pth'], { cwd: folder });
    expect(expectOneSentence(file, 2)).toContain('received WINDOWS-1252 (c\\xe4t.jpg), which names no file.');
    const pipe = await runClassify(['--files-from', '-', '-k1'], { cwd: folder, input: list });
    expect(pipe.code).toBe(2);
    expect(pipe.stderr).toContain('hint: Type iconv -f WINDOWS-1252 -t UTF-8 LIST | vgg16 classify --files-from -');
  });
});

describe('--shard', () => {
  it('shares the rows out: three together are the plain run, byte for byte', async () => {
    const rows = (text: Buffer) => text.toString().split('\n').slice(1, -1);
    const plain = await runClassify(['.'], { cwd: PHOTOS });
    const shares = [];
    for (const share of ['1/3', '2/3', '3/3']) shares.push(await runClassify(['.', '--shard', share], { cwd: PHOTOS }));
    expect(shares.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(shares.map(({ stdout }) => rows(stdout).length)).toEqual([4, 4, 4]);
    expect(shares.flatMap(({ stdout }) => rows(stdout)).sort()).toEqual(rows(plain.stdout).sort());
  });

  it("auto reads the engine's variables, and without them is an error", async () => {
    const none = await runClassify(['.', '--shard', 'auto'], { cwd: PHOTOS });
    expect(expectOneSentence(none, 2)).toContain("Expected a job engine's variables for --shard auto");
    const indexOnly = await runClassify(['.', '--shard', 'auto'], { cwd: PHOTOS, env: { JOB_COMPLETION_INDEX: '1' } });
    expect(expectOneSentence(indexOnly, 2)).toContain('only an index');
    const slurm = { SLURM_ARRAY_TASK_ID: '7', SLURM_ARRAY_TASK_MIN: '5', SLURM_ARRAY_TASK_COUNT: '6' };
    const run = await runClassify(['.', '-n', '--shard', 'auto'], { cwd: PHOTOS, env: slurm });
    expect(run.stdout.toString().trimEnd().split('\n')).toEqual([PHOTO_NAMES[2], PHOTO_NAMES[8]]);
  });

  it('with more shares than images gives some a header alone: 0, as their part is complete', async () => {
    const run = await runClassify(['cat.jpg', '-k1', '--shard', '2/2'], { cwd: PHOTOS });
    expect(run.code, run.stderr).toBe(0);
    expect(run.stdout.toString()).toBe('path,status,width,height,class_1,label_1,prob_1,error\n');
  });
});

describe('an empty environment', () => {
  it('is enough: no PATH, no HOME, no LANG', async () => {
    const words = ['-i', process.execPath, PROGRAM, 'classify', '.', '-m', 'mini', '-q'];
    const [bare, usual] = [
      await startProgram('/usr/bin/env', words, { cwd: PHOTOS, input: '' }).done,
      await runClassify(['.'], { cwd: PHOTOS }),
    ];
    expect(bare.code, bare.stderr).toBe(0);
    expect(bare.stderr).toBe('');
    expect(bare.stdout.toString()).toBe(usual.stdout.toString());
  });
});

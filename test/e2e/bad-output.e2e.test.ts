import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CAT, PHOTOS, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { PROGRAM, start, startProgram } from './helpers/program.js';
import { csvRows, expectOneSentence } from './helpers/rows.js';

const folder = temporaryFolder();

/** A disk of 64 KB, where this machine lets us have one. */
const DISK = join(folder, 'disk');
const DISK_BYTES = 64 * 1024;
mkdirSync(DISK);
const hasDisk = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', DISK]).status === 0;
afterAll(() => {
  if (hasDisk) execFileSync('umount', [DISK]);
});

/** More rows than the disk holds, whatever the numbers are: each takes more than 100 bytes. */
const MANY = 1200;

function manyPhotos(): string {
  const photos = join(folder, 'photos');
  mkdirSync(photos);
  for (let i = 0; i < MANY; i += 1) linkSync(CAT, join(photos, `${String(i).padStart(40, '0')}.jpg`));
  return photos;
}

describe('an output that cannot be written', () => {
  it.skipIf(!hasDisk)('on a full disk: 1 and one sentence, the rows so far kept whole', async () => {
    const output = join(DISK, 'labels.csv');
    const run = await runClassify([manyPhotos(), '-o', output, '-b', '16']);
    expect(expectOneSentence(run, 1)).toBe(`Expected to write ${output} but no space is left on the device.`);
    expect(existsSync(output)).toBe(false);
    const partial =
      /^note: The rows that were done are in (.+); the same command with --resume goes on from there\.$/m.exec(
        run.stderr,
      )?.[1] as string;
    const text = readFileSync(partial, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    const rows = csvRows(text);
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.length).toBeLessThan(MANY);
    expect(rows.every(({ status }) => status === 'ok')).toBe(true);
  });

  it.skipIf(!existsSync('/dev/full'))('on a full stdout: 1 and one sentence', async () => {
    const run = await startProgram('sh', [
      '-c',
      `"$0" "$@" > /dev/full`,
      process.execPath,
      PROGRAM,
      'classify',
      '-q',
      '-m',
      'mini',
      CAT,
    ]).done;
    expect(expectOneSentence(run, 1)).toBe('Expected to write stdout but no space is left on the device.');
  });

  it('in a folder that does not exist, or in a file: 2, and what to type', async () => {
    const missing = await runClassify([PHOTOS, '-o', join(folder, 'none/labels.csv')]);
    expect(expectOneSentence(missing, 2)).toContain(`${join(folder, 'none')} does not exist`);
    expect(missing.stderr).toContain(`hint: mkdir -p ${join(folder, 'none')}`);
    const inFile = await runClassify([PHOTOS, '-o', join(CAT, 'labels.csv')]);
    expect(expectOneSentence(inFile, 2)).toContain(`${CAT} is a file`);
  });

  it('in the name of a folder, a circle of links, a name that is too long: 2 before the model is loaded', async () => {
    symlinkSync('two', join(folder, 'one'));
    symlinkSync('one', join(folder, 'two'));
    for (const name of ['new/', 'one', `${'n'.repeat(240)}.csv`]) {
      // Whoever gets as far as the model ends with 5.
      const words = ['classify', CAT, '-q', '-m', join(folder, 'none.pth'), '-o', `${folder}/${name}`];
      expectOneSentence(await runCommand(words), 2);
      expect(readdirSync(folder).filter((entry) => entry.includes('partial'))).toEqual([]);
    }
  });

  it('is written through a link to a file that is to be made', async () => {
    mkdirSync(join(folder, 'far'));
    symlinkSync('far/labels.csv', join(folder, 'near.csv'));
    const run = await runClassify([CAT, '-o', join(folder, 'near.csv')]);
    expect(run.code, run.stderr).toBe(0);
    expect(lstatSync(join(folder, 'near.csv')).isSymbolicLink()).toBe(true);
    expect(csvRows(readFileSync(join(folder, 'far/labels.csv')))).toHaveLength(1);
  });

  /** A run that has written its first row and waits for more; `words` besides. */
  async function begun(output: string, words: readonly string[] = []) {
    const run = start(['classify', '-q', '-m', 'mini', '-k1', '--files-from', '-', '-o', output, ...words]);
    run.child.stdin.write(`${CAT}\n`);
    const partials = () =>
      readdirSync(folder).filter((entry) => entry.startsWith(`${basename(output)}.`) && /[0-9a-f]{8}\./.test(entry));
    await expect
      .poll(() => partials().some((name) => statSync(join(folder, name)).size > 0), { timeout: 20_000 })
      .toBe(true);
    return { run, partials };
  }

  it.each(['deleted.csv', 'deleted.csv.gz'])(
    'with --force, of which somebody deletes the unfinished files, has the new rows all the same: %s',
    async (name) => {
      const output = join(folder, name);
      expect((await runClassify([CAT, '-k3', '-o', output])).code).toBe(0);
      expect((await runClassify([CAT, '-k1', '-o', join(folder, `new-${name}`)])).code).toBe(0);
      const { run, partials } = await begun(output, ['--force']);
      for (const partial of partials()) rmSync(join(folder, partial));
      run.child.stdin.end();
      const ended = await run.done;
      expect(ended.code, ended.stderr).toBe(0);
      expect(readFileSync(output)).toEqual(readFileSync(join(folder, `new-${name}`)));
      expect(partials()).toEqual([]);
    },
  );

  it('whose folder is deleted meanwhile: 1 and one sentence', async () => {
    mkdirSync(join(folder, 'gone'));
    const run = start(['classify', '-q', '-m', 'mini', '--files-from', '-', '-o', join(folder, 'gone/x.csv')]);
    run.child.stdin.write(`${CAT}\n`);
    await expect.poll(() => readdirSync(join(folder, 'gone')).length, { timeout: 20_000 }).toBeGreaterThan(1);
    rmSync(join(folder, 'gone'), { recursive: true });
    run.child.stdin.end();
    expect(expectOneSentence(await run.done, 1)).toMatch(/^Expected to write .+x\.csv but its folder is gone\.$/);
  });

  it('whose name is taken by a folder meanwhile: 1, the rows are kept, and what to type brings them home', async () => {
    const output = join(folder, 'taken.csv');
    const { run } = await begun(output, ['--force']);
    mkdirSync(join(output, 'theirs'), { recursive: true });
    run.child.stdin.end();
    const ended = await run.done;
    expect(expectOneSentence(ended, 1)).toMatch(
      /^Expected to give .+, which holds all rows, the name .+taken\.csv but/,
    );
    const [, moves = ''] = /^hint: Once nothing is in the way, type (.+)$/m.exec(ended.stderr) ?? [];
    rmSync(output, { recursive: true });
    execFileSync('sh', ['-c', moves]);
    expect(csvRows(readFileSync(output))).toHaveLength(1);
    const again = await runClassify([CAT, '-k1', '-o', output, '--resume']);
    expect(again.code, again.stderr).toBe(0);
  });

  it.each([
    ['classify', [CAT, '-o', join(folder, 'x.csv')]],
    ['extract', [CAT]],
    ['export', [CAT, '-o', 'dataset']],
    ['merge', ['a.csv', 'b.csv', '-o', 'c.csv']],
  ])('of %s in a working directory that has been deleted: 2 and one sentence', async (command, words) => {
    const gone = join(folder, `cwd-${command}`);
    mkdirSync(gone);
    const shell = ['-c', 'rmdir "$PWD" && exec "$@"', 'sh', process.execPath, PROGRAM, command, '-m', 'mini', ...words];
    const named = command === 'merge' ? shell.filter((word) => word !== '-m' && word !== 'mini') : shell;
    const run = await startProgram('sh', named, { cwd: gone, input: '' }).done;
    expect(expectOneSentence(run, 2)).toBe('Expected a working directory but it has been deleted.');
  });

  it.each([
    ['other rows: 2, and both are kept', 'theirs\n', 2],
    ['the same rows: 0', undefined, 0],
  ])('that another run has published meanwhile with %s', async (_what, theirs, code) => {
    const output = join(folder, `race-${code}.csv`);
    const partials = () =>
      readdirSync(folder).filter((name) => name.startsWith(`race-${code}.`) && name.endsWith('.partial'));
    const row = await runClassify([CAT, '-k1']);
    const run = start(['classify', '-v', '-m', 'mini', '-k1', '--files-from', '-', '-o', output]);
    run.child.stdin.write(`${CAT}\n`);
    // From the first row on it has files of its own.
    await expect.poll(partials, { timeout: 20_000 }).toHaveLength(1);
    writeFileSync(output, theirs ?? row.stdout);
    run.child.stdin.end();
    const ended = await run.done;
    expect(ended.code, ended.stderr).toBe(code);
    expect(readFileSync(output, 'utf8')).toBe(theirs ?? row.stdout.toString());
    expect(partials()).toHaveLength(code === 2 ? 1 : 0);
    for (const name of partials()) {
      expect(readFileSync(join(folder, name))).toEqual(row.stdout);
      expect(ended.stderr).toContain(name);
      rmSync(join(folder, name));
    }
  });
});

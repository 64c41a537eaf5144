import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CAT, PHOTOS, temporaryFolder } from './helpers/folder.js';
import { classify, PROGRAM, start, startProgram } from './helpers/program.js';
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
    const run = await classify([manyPhotos(), '-o', output, '-b', '16']);
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
    const missing = await classify([PHOTOS, '-o', join(folder, 'none/labels.csv')]);
    expect(expectOneSentence(missing, 2)).toContain(`${join(folder, 'none')} does not exist`);
    expect(missing.stderr).toContain(`hint: mkdir -p ${join(folder, 'none')}`);
    const inFile = await classify([PHOTOS, '-o', join(CAT, 'labels.csv')]);
    expect(expectOneSentence(inFile, 2)).toContain(`${CAT} is a file`);
  });

  it.each([
    ['other rows: 2, and both are kept', 'theirs\n', 2],
    ['the same rows: 0', undefined, 0],
  ])('that another run has published meanwhile with %s', async (_what, theirs, code) => {
    const output = join(folder, `race-${code}.csv`);
    const partials = () =>
      readdirSync(folder).filter((name) => name.startsWith(`race-${code}.`) && name.endsWith('.partial'));
    const row = await classify([CAT, '-k1']);
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

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PHOTO_NAMES, PHOTOS, place, temporaryFolder } from '../e2e/helpers/folder.js';
import { classify, PROGRAM, ROOT, startProgram } from '../e2e/helpers/program.js';

const found = spawnSync('parallel', ['--version'], { encoding: 'utf8' }).stdout?.startsWith('GNU parallel') === true;
if (!found) process.stderr.write('GNU parallel is not tested: scripts/ci/packages.sh installs it.\n');

describe.skipIf(!found)(`by GNU parallel${found ? '' : ' (not found)'}`, () => {
  it('a failed share stops the merge; typed again only that share runs', { timeout: 180_000 }, async () => {
    const folder = temporaryFolder();
    for (const name of PHOTO_NAMES) place(join(folder, 'two words', name), join(PHOTOS, name));
    mkdirSync(join(folder, 'bin'));
    const script = `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`;
    writeFileSync(join(folder, 'bin/vgg16'), script, { mode: 0o755 });
    writeFileSync(join(folder, 'my list.txt'), PHOTO_NAMES.map((name) => `two words/${name}\n`).join(''));
    const run = () =>
      startProgram(join(ROOT, 'docs/jobs/parallel.sh'), ['3', 'my list.txt', 'out', 'labels.csv', '--model', 'mini'], {
        cwd: folder,
        env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, JOBS: '2' },
        input: '',
      }).done;

    mkdirSync(join(folder, 'out/part-2.csv'), { recursive: true }); // no file can be written there
    const first = await run();
    expect(first.code, first.stderr).toBe(1);
    expect(existsSync(join(folder, 'labels.csv'))).toBe(false);

    rmdirSync(join(folder, 'out/part-2.csv'));
    const second = await run();
    expect(second.code, second.stderr).toBe(0);
    const jobs = readFileSync(join(folder, 'out/joblog'), 'utf8').trim().split('\n').slice(1);
    const ends = jobs.map((line) => line.split('\t')).map(([share, , , , , , exitCode]) => `${share} ${exitCode}`);
    expect(ends.sort()).toEqual(['1 0', '2 0', '2 2', '3 0']);
    const single = await classify(['--files-from', 'my list.txt'], { cwd: folder });
    expect(readFileSync(join(folder, 'labels.csv')).equals(single.stdout)).toBe(true);
  });
});

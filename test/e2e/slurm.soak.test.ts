/** The job files of docs/jobs/slurm on a real Slurm, with what goes wrong on one. */

import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/output/store/run-record.js';
import { type Cluster, missing, startCluster } from '../scale/slurm.js';
import { ODD, PHOTO_NAMES, PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { classify, PROGRAM, ROOT, vgg16 } from './helpers/program.js';
import { expectOneSentence } from './helpers/rows.js';

const SHARES = 4;

/** Enough for a share to be at work when something happens to it. */
const IMAGES = 600;

/** Rows that a task has written by then. */
const ROWS = 10;

/** For an array of seconds, on a machine that runs other tests too. */
const JOB_SECONDS = 120;

const TIMEOUT = { timeout: 240_000 };

const reason = missing();
if (reason !== undefined) process.stderr.write(`Slurm is not tested: ${reason}.\n`);

describe.skipIf(reason !== undefined)(`on Slurm${reason === undefined ? '' : ` (${reason})`}`, () => {
  const folder = temporaryFolder();
  let cluster: Cluster;

  beforeAll(async () => {
    mkdirSync(join(folder, 'bin'));
    const script = `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`;
    writeFileSync(join(folder, 'bin/vgg16'), script, { mode: 0o755 });
    mkdirSync(join(folder, 'photos'));
    const sources = PHOTO_NAMES.map((name) => place(join(folder, name), join(PHOTOS, name)));
    for (let i = 0; i < IMAGES; i += 1) {
      linkSync(sources[i % sources.length] as string, join(folder, 'photos', `${String(i).padStart(4, '0')}.jpg`));
    }
    cluster = await startCluster(folder, {
      nodes: 3,
      env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, HOME: folder, VGG16_MODEL: 'mini', VGG16_QUIET: '1' },
    });
  });

  afterAll(() => cluster?.stop());

  /** Writes a list of images as a user would and sends docs/jobs/slurm/submit.sh; resolves to the jobs' numbers. */
  async function submit(name: string, images: readonly string[], flags: readonly string[] = []) {
    writeFileSync(join(folder, `${name}.txt`), images.map((path) => `${path}\n`).join(''));
    const words = [String(SHARES), `${name}.txt`, name, `${name}.csv`, ...flags];
    const said = await cluster.run(join(ROOT, 'docs/jobs/slurm/submit.sh'), words);
    const [, array = '', merge = ''] = /^array (\d+), merge (\d+)$/.exec(said) ?? [];
    return { array, merge };
  }

  /** Resolves once the task of a share is at work and has rows. */
  async function atWork(name: string, array: string, share: number) {
    const rows = () =>
      readdirSync(join(folder, name))
        .filter((file) => file.startsWith(`part-${share}.`) && file.endsWith('.partial'))
        .reduce((sum, file) => sum + readFileSync(join(folder, name, file), 'utf8').split('\n').length - 2, 0);
    await expect.poll(rows, { timeout: JOB_SECONDS * 1000, interval: 20 }).toBeGreaterThan(ROWS);
    // Held, so that it is still at work when what is to happen to it does, however slow Slurm's commands are here.
    signal('STOP', name, share);
    const task = (await cluster.tasks(array)).find(({ index }) => index === share);
    expect(task?.state).toBe('RUNNING');
    return task?.node ?? '';
  }

  /** To the program that runs a share. */
  function signal(which: 'STOP' | 'CONT', name: string, share: number) {
    spawnSync('pkill', [`-${which}`, '-f', `run\\.js classify .*-o ${name}/part-${share}\\.csv`]);
  }

  const log = (array: string, share: number) => readFileSync(join(folder, `vgg16-${array}_${share}.log`), 'utf8');
  const record = (name: string, share: number) => readJson<RunRecord>(join(folder, name, `part-${share}.csv.run.json`));
  const photos = Array.from({ length: IMAGES }, (_, i) => `photos/${String(i).padStart(4, '0')}.jpg`);

  it('an array that loses a node and runs out of time gives, merged, what one run gives', TIMEOUT, async () => {
    const { array, merge } = await submit('labels', photos, ['--batch-size', '1', '--threads', '1']);
    const loseNode = async () => {
      const node = await atWork('labels', array, 2);
      await cluster.run('scontrol', ['update', `NodeName=${node}`, 'State=DOWN', 'Reason=test']);
      signal('CONT', 'labels', 2);
    };
    const runOutOfTime = async () => {
      await atWork('labels', array, SHARES); // the task whose job number is that of the array
      await cluster.run('scancel', ['--batch', '--signal=USR1', `${array}_${SHARES}`]);
      signal('CONT', 'labels', SHARES);
    };
    await Promise.all([loseNode(), runOutOfTime()]);

    const tasks = await cluster.end(array, JOB_SECONDS);
    const ends = tasks.map(({ state, exitCode }) => `${state} ${exitCode}`);
    expect(ends, cluster.logs()).toEqual(Array(SHARES).fill('COMPLETED 0'));
    const restarts = new Map(tasks.map((task) => [task.index, task.restarts]));
    expect([1, 2, 3, 4].map((share) => restarts.get(share))).toEqual([0, 1, 0, 1]);
    expect(log(array, 2)).toContain('restart 1');
    expect(log(array, SHARES)).toContain(`share ${SHARES} ended with 143`);
    for (const share of [2, SHARES]) {
      const { counts } = record('labels', share);
      expect(counts).toMatchObject({ seen: IMAGES / SHARES, ok: IMAGES / SHARES, failed: 0 });
      expect(counts.skipped).toBeGreaterThanOrEqual(ROWS); // from before
      expect(counts.skipped).toBeLessThan(IMAGES / SHARES);
    }
    expect(await cluster.end(merge, JOB_SECONDS)).toMatchObject([{ state: 'COMPLETED', exitCode: 0 }]);

    const single = await classify(['--files-from', 'labels.txt'], { cwd: folder });
    expect(single.code, single.stderr).toBe(0);
    expect(readFileSync(join(folder, 'labels.csv')).equals(single.stdout)).toBe(true);

    // A lost share again, by its number alone, finds its output finished.
    const job = [
      join(ROOT, 'docs/jobs/slurm/array.sbatch'),
      String(SHARES),
      'labels.txt',
      'labels',
      '--batch-size',
      '1',
    ];
    const again = await cluster.run('sbatch', ['--parsable', '--array=2', ...job]);
    expect(await cluster.end(again, JOB_SECONDS)).toMatchObject([{ state: 'COMPLETED', exitCode: 0 }]);
    expect(record('labels', 2).counts.skipped).toBeGreaterThanOrEqual(ROWS);
  });

  it('--shard auto reads the array, and JSON lines merge too', TIMEOUT, async () => {
    mkdirSync(join(folder, 'auto'));
    for (const name of PHOTO_NAMES) place(join(folder, 'few', name), join(PHOTOS, name));
    const command = 'vgg16 classify few --shard auto -o auto/$SLURM_ARRAY_TASK_ID.jsonl --resume';
    const job = await cluster.run('sbatch', ['--parsable', '--array=0-6:2', '--output=auto-%a.log', '--wrap', command]);
    const tasks = await cluster.end(job, JOB_SECONDS);
    expect(tasks.map(({ index, state }) => `${index} ${state}`).sort()).toEqual(
      [0, 2, 4, 6].map((index) => `${index} COMPLETED`),
    );
    const parts = [6, 0, 4, 2].map((index) => `auto/${index}.jsonl`);
    const merged = await vgg16(['merge', ...parts, '-o', 'auto.jsonl'], { cwd: folder });
    expect(merged.code, merged.stderr).toBe(0);
    const single = await classify(['few', '--format', 'jsonl'], { cwd: folder });
    expect(readFileSync(join(folder, 'auto.jsonl')).equals(single.stdout)).toBe(true);
  });

  it('a share that fails for good ends the array with its exit code, and nothing is merged', TIMEOUT, async () => {
    place(join(folder, 'broken.jpg'), join(ODD, 'truncated.jpg'));
    const { array, merge } = await submit('failing', [...photos.slice(0, 6), 'broken.jpg', ...photos.slice(6, 8)]);
    const tasks = await cluster.end(array, JOB_SECONDS);
    const ends = tasks
      .map(({ index, state, exitCode, restarts }) => `${index} ${state} ${exitCode} ${restarts}`)
      .sort();
    expect(ends).toEqual(['1 COMPLETED 0 0', '2 COMPLETED 0 0', '3 FAILED 3 0', '4 COMPLETED 0 0']);
    expect(await cluster.end(merge, JOB_SECONDS)).toMatchObject([{ state: 'CANCELLED' }]);
    expect(existsSync(join(folder, 'failing.csv'))).toBe(false);
    expect(existsSync(join(folder, `vgg16-merge-${merge}.log`))).toBe(false);
  });

  it('merge without one of the parts names the gap and writes nothing', async () => {
    const parts = [1, 2, 4].map((share) => `failing/part-${share}.csv`);
    const merged = await vgg16(['merge', ...parts, '-o', 'gap.csv'], { cwd: folder });
    expect(expectOneSentence(merged, 2)).toMatch(/\b3\/4\b.* missing/);
    expect(existsSync(join(folder, 'gap.csv'))).toBe(false);
  });
});

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Lock, type Owner } from '../../../src/models/catalog/lock.js';
import { temporaryFolder } from '../../formats/files.js';

const folder = temporaryFolder();
let files = 0;
const newPath = () => join(folder, `${++files}.lock`);

async function taken(path: string): Promise<Lock> {
  const lock = await Lock.take(path);
  if (!(lock instanceof Lock)) throw new Error(`Expected the lock but process ${lock.pid} has it.`);
  return lock;
}

/** A number that a process had a moment ago. */
function deadPid(): number {
  return spawnSync('true').pid;
}

/** Puts a lock of another owner at `path`, like one of this process but for what is changed. */
async function plant(path: string, change: Partial<Owner>): Promise<void> {
  const own = await taken(path);
  const owner = JSON.parse(readFileSync(path, 'utf8')) as Owner;
  await own.release();
  writeFileSync(path, JSON.stringify({ ...owner, token: 'feed', ...change }));
}

const age = (path: string, seconds: number) =>
  utimesSync(path, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

describe('Lock', () => {
  it('is one process’s at a time, and free again once released', async () => {
    const path = newPath();
    const lock = await taken(path);
    expect(await Lock.take(path)).toMatchObject({ pid: process.pid });
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    await (await taken(path)).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is one’s, whoever of many asks at once', async () => {
    const path = newPath();
    const all = await Promise.all(Array.from({ length: 40 }, () => Lock.take(path)));
    const locks = all.filter((lock) => lock instanceof Lock);
    expect(locks).toHaveLength(1);
    await locks[0]?.release();
  });

  it('is taken over from a process that is gone, by one of many', async () => {
    const path = newPath();
    await plant(path, { pid: deadPid() });
    const all = await Promise.all(Array.from({ length: 40 }, () => Lock.take(path)));
    const locks = all.filter((lock) => lock instanceof Lock);
    expect(locks).toHaveLength(1);
    expect(locks[0]?.isDoubtful).toBe(false);
    await locks[0]?.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over from a number that another process has by now', async () => {
    const path = newPath();
    await plant(path, { began: '1' });
    await (await taken(path)).release();
  });

  it('is left to another machine while it is touched, and taken over with doubt when it is not', async () => {
    const path = newPath();
    await plant(path, { machine: 'elsewhere', pid: deadPid() });
    expect(await Lock.take(path)).toMatchObject({ machine: 'elsewhere' });
    age(path, 600);
    const lock = await taken(path);
    expect(lock.isDoubtful).toBe(true);
    await lock.release();
  });

  it('that is damaged is taken over when it is old', async () => {
    const path = newPath();
    writeFileSync(path, '{');
    expect(await Lock.take(path)).toMatchObject({ pid: 0 });
    age(path, 600);
    await (await taken(path)).release();
  });

  it('that another has taken over is not released by its first owner', async () => {
    const path = newPath();
    const first = await taken(path);
    await plant(newPath(), {});
    writeFileSync(path, JSON.stringify({ token: 'beef', pid: process.pid, machine: 'elsewhere', began: null }));
    expect(await first.isHeld()).toBe(false);
    await first.release();
    expect(readFileSync(path, 'utf8')).toContain('beef');
  });
});

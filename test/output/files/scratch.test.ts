import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeScratch, Scratch, sweepScratch } from '../../../src/output/files/scratch.js';
import { thisProcess } from '../../../src/process.js';

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-scratch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('is a folder of its own beside the output, made with the first file', async () => {
  const [one, two] = [new Scratch(at('x.csv')), new Scratch(at('x.csv'))];
  expect(readdirSync(folder)).toEqual([]);
  const files = [await one.file(), await one.file(), await two.file()];
  expect(new Set(files).size).toBe(3);
  expect(dirname(files[0] as string)).toBe(dirname(files[1] as string));
  for (const file of files) writeFileSync(file, 'rows');
  await one.dispose();
  expect(readdirSync(folder)).toHaveLength(1);
  await two.dispose();
  expect(readdirSync(folder)).toEqual([]);
});

test('says that there is no room', async () => {
  await expect(new Scratch(at('none/x.csv')).file()).rejects.toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
});

test('goes at once where nothing is waited for', async () => {
  writeFileSync(await new Scratch(at('x.csv')).file(), 'rows');
  removeScratch();
  expect(readdirSync(folder)).toEqual([]);
});

/** A process with a scratch folder that then does `ending`. */
async function ended(ending: string): Promise<void> {
  const source = fileURLToPath(new URL('../../../src/output/files/scratch.ts', import.meta.url));
  const script = `import { Scratch } from ${JSON.stringify(source)};
await new Scratch(${JSON.stringify(at('x.csv'))}).file();
${ending}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: 'inherit' });
  await once(child, 'exit');
}

test('goes with a process that exits', async () => {
  await ended('process.exit(1)');
  expect(readdirSync(folder)).toEqual([]);
});

test('of a process that was killed is swept by the next', async () => {
  await ended(`process.kill(process.pid, 'SIGKILL')`);
  expect(readdirSync(folder)).toHaveLength(1);
  const scratch = new Scratch(at('x.csv'));
  await scratch.file();
  await scratch.dispose();
  expect(readdirSync(folder)).toEqual([]);
});

test('of a process that lives, of another output, and of a person is left alone', async () => {
  const gone = { ...(await thisProcess()), pid: 2 ** 30 };
  const owned = (name: string, owner: unknown, ageSeconds: number) => {
    mkdirSync(at(name));
    writeFileSync(at(`${name}/owner.json`), JSON.stringify(owner));
    writeFileSync(at(`${name}/1`), 'rows');
    const time = Date.now() / 1000 - ageSeconds;
    utimesSync(at(name), time, time);
  };
  owned('x.csv.00000001.unpacked', await thisProcess(), 1000);
  owned('y.csv.00000002.unpacked', gone, 1000);
  owned('x.csv.00000003.unpacked', { ...gone, machine: 'elsewhere' }, 60);
  owned('x.csv.00000004.unpacked', gone, 0);
  owned('x.csv.00000005.unpacked', { ...gone, machine: 'elsewhere' }, 1000);
  mkdirSync(at('x.csv.00000006.unpacked'));
  writeFileSync(at('x.csv.00000006.unpacked/thesis.txt'), 'mine');
  utimesSync(at('x.csv.00000006.unpacked'), 0, 0);
  owned('x.csv.00000007.unpacked', gone, 1000);
  writeFileSync(at('x.csv.00000007.unpacked/thesis.txt'), 'mine');
  await sweepScratch(at('x.csv'));
  expect(readdirSync(folder).sort()).toEqual([
    'x.csv.00000001.unpacked',
    'x.csv.00000003.unpacked',
    'x.csv.00000006.unpacked',
    'x.csv.00000007.unpacked',
    'y.csv.00000002.unpacked',
  ]);
  for (const digit of [6, 7]) {
    expect(readdirSync(at(`x.csv.0000000${digit}.unpacked`))).toEqual(['thesis.txt']);
  }
});

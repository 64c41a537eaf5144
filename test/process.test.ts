import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { stateOf, thisProcess } from '../src/process.js';

test('this process lives', async () => {
  expect(await stateOf(await thisProcess())).toBe('lives');
});

test('a process that has ended is known to have', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  expect(await stateOf({ ...(await thisProcess()), pid: child.pid as number })).toBe('ended');
});

test.skipIf(process.platform !== 'linux')('another process that has the number now is not taken for it', async () => {
  const own = await thisProcess();
  expect(own.began).toMatch(/^\d+$/);
  expect(await stateOf({ ...own, began: '1' })).toBe('ended');
});

test('nothing is known of a process of another machine, or of one whose beginning nobody wrote down', async () => {
  const own = await thisProcess();
  expect(await stateOf({ ...own, machine: 'elsewhere' })).toBe('elsewhere');
  expect(await stateOf({ ...own, began: null })).toBe('unsure');
});

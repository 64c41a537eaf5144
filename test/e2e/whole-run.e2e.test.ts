/** What a signal does to work that does not stop by itself, as TensorFlow does not while it writes. */

import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { temporaryFolder } from './helpers/folder.js';
import { ROOT, type Running, startProgram } from './helpers/program.js';

const folder = temporaryFolder();

/** Half an output, and no end. */
const WORK = `
import { writeFileSync } from 'node:fs';
import { runWhole } from '${ROOT}/dist/cli/run/whole-run.js';
import { writeWhole } from '${ROOT}/dist/output/files/draft.js';
const context = { say: (line) => console.error(line) };
setInterval(() => {}, 1000);
await runWhole(context, async (signal) => {
  signal.addEventListener('abort', () => console.error('asked to stop'));
  await writeWhole('x.onnx', { replace: false, signal }, async (path) => {
    writeFileSync(path, 'half');
    console.error('writing');
    await new Promise(() => {});
  });
});
`;

async function writing(): Promise<Running> {
  const run = startProgram(process.execPath, ['--input-type=module', '-e', WORK], { cwd: folder, input: '' });
  await run.until('stderr', (text) => text.includes('writing'));
  expect(readdirSync(folder)).toHaveLength(1);
  return run;
}

it('a second Ctrl-C ends it at once, and nothing is left', async () => {
  const run = await writing();
  run.child.kill('SIGINT');
  await run.until('stderr', (text) => text.includes('asked to stop'));
  run.child.kill('SIGINT');
  expect(await run.done).toMatchObject({ code: 130, signal: 'SIGINT' });
  expect(readdirSync(folder)).toEqual([]);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('one %s ends it after a while, with a sentence, and nothing is left', async (signal, code) => {
  const run = await writing();
  run.child.kill(signal);
  const { stderr, ...ended } = await run.done;
  expect(ended).toMatchObject({ code, signal });
  expect(stderr).toContain(`Interrupted (${signal}): the output was not written; type the command again.`);
  expect(readdirSync(folder)).toEqual([]);
});

/** Runs one command of the built program after another, each as bin/run.js would; see host.ts. */

import { Readable } from 'node:stream';
import { Errors, flush, run } from '@oclif/core';
import { KNOWN_WEIGHTS } from '../../../dist/models/catalog/published-weights.js';
import { printable, printableLines } from '../../../dist/output/printable.js';

const PROGRAM = new URL('../../../bin/run.js', import.meta.url).href;
const PUBLISHED = KNOWN_WEIGHTS.map((known) => ({ ...known }));

async function command(words) {
  try {
    await run(words, PROGRAM);
    flush();
  } catch (error) {
    if (error instanceof Error) {
      error.stack = printableLines(error.stack ?? '');
      error.message = printable(error.message);
    }
    // It ends with process.exit, which would end the commands to come, too.
    const { exit } = process;
    process.exit = (code) => {
      process.exitCode = code;
    };
    await Errors.handle(error);
    process.exit = exit;
  }
}

process.on('message', async ({ words, cwd, env, input, end }) => {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const { WEIGHTS = '{}' } = env; // as with-weights.js takes it
  for (const [i, known] of KNOWN_WEIGHTS.entries()) Object.assign(known, PUBLISHED[i], JSON.parse(WEIGHTS)[known.name]);
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(input, 'base64')]), configurable: true });
  process.exitCode = undefined;
  await command(words);
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  // What is written to a pipe is in it at once, so that all of the command's text lies before the mark.
  process.stdout.write(end);
  process.stderr.write(end);
  process.send({ code });
});
process.once('disconnect', () => process.exit());

/**
 * Installs the peers, once: `node bench/install.mjs`, or `node bench/run.mjs --install`.
 *
 * They go into a virtual environment of the user's cache that is kept until a list beside this file changes.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VENV, VENV_PYTHON } from './lib/machine.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** A copy of the lists, written last: an installation that was cut off begins anew. */
const MADE_OF = join(VENV, 'made-of.txt');

/** Makes the environment where it is missing or made of other packages. Throws when a package cannot be installed. */
export async function install() {
  const lists = (await readdir(HERE)).filter((name) => /^peers-.*\.txt$/.test(name)).sort();
  const texts = await Promise.all(lists.map((name) => readFile(join(HERE, name), 'utf8')));
  const wanted = texts.join('');
  if (existsSync(VENV_PYTHON) && (await readFile(MADE_OF, 'utf8').catch(() => '')) === wanted) return;
  await rm(VENV, { recursive: true, force: true });
  await mkdir(dirname(VENV), { recursive: true });
  run('python3', ['-m', 'venv', VENV]);
  for (const name of lists) {
    const alone = name.endsWith('.no-deps.txt') ? ['--no-deps'] : [];
    const flags = ['-qq', '--disable-pip-version-check', '--only-binary', ':all:', ...alone];
    run(VENV_PYTHON, ['-m', 'pip', 'install', ...flags, '-r', join(HERE, name)]);
  }
  await writeFile(MADE_OF, wanted);
}

/** Its output goes to stderr: stdout is for the report. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? error?.message}.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await install();

/** A Python for the tests that compare with NumPy, pandas, PyTorch, Keras …; they are skipped where there is none. */

import { execFileSync, spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Importing DuckDB and pandas for the first time reads a few hundred MB. */
const IMPORT_MS = 60_000;

const found = new Map<string, string | undefined>();

/**
 * The first interpreter that has these modules: `$VGG16_TEST_PYTHON`, else those that scripts/ci/python.sh makes under
 * ~/.cache (readers of data in one, frameworks in the other), else python3.
 */
export function python(modules: readonly string[]): string | undefined {
  const key = [...modules].sort().join(', ');
  if (!found.has(key)) found.set(key, find(key));
  return found.get(key);
}

const HAS_ALL =
  'import importlib.util, sys; sys.exit(not all(importlib.util.find_spec(name) for name in sys.argv[1:]))';

function find(modules: string): string | undefined {
  const candidates = [
    process.env.VGG16_TEST_PYTHON,
    join(homedir(), '.cache', 'vgg16-test', 'venv', 'bin', 'python'),
    join(homedir(), '.cache', 'vgg16-test', 'frameworks', 'bin', 'python'),
    'python3',
  ];
  return candidates.find((candidate) => {
    if (candidate === undefined || candidate === '') return false;
    // Without importing them, which takes up to a minute on a machine that does other work.
    const { status } = spawnSync(candidate, ['-c', HAS_ALL, ...modules.split(', ')], { stdio: 'ignore' });
    return status === 0;
  });
}

/** Runs `script` with `args` as sys.argv[1:]; returns what it prints, parsed as JSON. */
export function runPython(interpreter: string | undefined, script: string, args: readonly string[]): unknown {
  if (interpreter === undefined) throw new Error('Expected a Python but there is none: skip this test.');
  return JSON.parse(execFileSync(interpreter, ['-c', script, ...args], { encoding: 'utf8', timeout: IMPORT_MS }));
}

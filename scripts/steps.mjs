/** What the project's own scripts share: running a step, and setting up what a step needs. Plain Node, no packages. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command in the project's folder; returns its exit status. */
export function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  return status ?? 1;
}

/** The same, ending the process with the command's status when it fails. */
export function must(command, args) {
  const status = run(command, args);
  if (status !== 0) process.exit(status);
}

/** The path of an installed package's command. */
export function bin(name) {
  return join(ROOT, 'node_modules', '.bin', name);
}

/**
 * Installs the packages and TensorFlow where they are missing or older than the lock file. Without install scripts: npm 10
 * does not know `allowScripts`, and tfjs-node's own script fails where its download is blocked.
 */
export function install() {
  const fresh = isNewer('node_modules/.package-lock.json', 'package-lock.json');
  if (!fresh) must('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
  if (!fresh || !existsSync(join(ROOT, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node'))) {
    must(process.execPath, ['scripts/install/install.mjs']);
  }
}

/** Compiles src/ where dist/ is missing or older. */
export function buildIfStale() {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true }).map((name) => join('src', name));
  const stale = [...sources, 'tsconfig.json', 'package.json'].some((name) => !isNewer('dist/.built', name));
  if (stale) must(process.execPath, ['scripts/build.mjs']);
}

function isNewer(result, source) {
  const [a, b] = [result, source].map((name) => join(ROOT, name));
  return existsSync(a) && statSync(a).mtimeMs >= statSync(b).mtimeMs;
}

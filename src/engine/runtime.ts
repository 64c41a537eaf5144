/** Which TensorFlow tfjs-node has been given, whether it runs, and how to give it one. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** The package's own scripts, two folders up from this file in the sources and in the build alike. */
const SCRIPTS = fileURLToPath(new URL('../../scripts/install/', import.meta.url));

/** Where tfjs-node looks for its addon, inside its package folder. */
const ADDON = join('lib', 'napi-v8', 'tfjs_binding.node');

/** Time for TensorFlow to load and multiply two small matrices, in milliseconds; a cold disk takes a few seconds. */
const PROBE_TIMEOUT_MS = 60_000;

export interface Runtime {
  /** `wheel`: the libraries of TensorFlow's Python wheel. `official`: tfjs-node's own download. */
  readonly route: 'wheel' | 'official';
  /** Folder of the libraries and the addon. */
  readonly folder: string;
  /** What compiled the addon; `null` for one that was downloaded. */
  readonly compiler: string | null;
}

export type RuntimeProbe =
  | { readonly ok: true; readonly tensorflow: string; readonly tfjsNode: string }
  | { readonly ok: false; readonly message: string };

/** The command that installs TensorFlow for this copy of the package, wherever it lies. */
export function installCommand(): string {
  const path = join(SCRIPTS, 'install.mjs');
  return `node ${/^[\w./@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`}`;
}

/** Where tfjs-node has its addon, or would have it. */
export function addonPath(): string {
  return join(tfjsNodeFolder() ?? '', ADDON);
}

/** What the installer put in tfjs-node's folder; undefined when there is nothing. Does not load it. */
export function findRuntime(): Runtime | undefined {
  const tfjsNode = tfjsNodeFolder();
  const addon = tfjsNode === undefined ? undefined : join(tfjsNode, ADDON);
  if (addon === undefined || !existsSync(addon)) return undefined;
  const folder = dirname(dirname(dirname(realpathSync(addon))));
  const info = readInfo(join(folder, 'runtime.json'));
  if (info === undefined) return { route: 'official', folder, compiler: null };
  return { route: 'wheel', folder, compiler: typeof info.compiler === 'string' ? info.compiler : null };
}

/** Loads TensorFlow in a process of its own and lets it compute. */
export function probeRuntime(): Promise<RuntimeProbe> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(SCRIPTS, 'check.mjs')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
      timeout: PROBE_TIMEOUT_MS,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ ok: false, message: error.message }));
    child.on('close', (code, signal) => {
      if (code === 0) resolve({ ok: true, ...JSON.parse(stdout) });
      else resolve({ ok: false, message: stderr.trim() || `the process ended with ${signal ?? `exit code ${code}`}` });
    });
  });
}

function tfjsNodeFolder(): string | undefined {
  try {
    return dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
  } catch {
    return undefined;
  }
}

function readInfo(file: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

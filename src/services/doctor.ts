/** Looks at what this tool stands on and says what is wrong and what to type. */

import { constants } from 'node:fs';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { findRuntime, installCommand, probeRuntime, type Runtime } from '../engine/runtime.js';
import { ExitCode } from '../errors.js';
import { type DecoderVersions, decoderVersions } from '../images/pixels/versions.js';
import { availableThreads, type CpuFeatures, cpuFeatures } from '../machine/cpu.js';

/** One thing that is wrong: a sentence, and the command that mends it. */
export interface Problem {
  readonly part: 'node' | 'tensorflow' | 'sharp' | 'cache';
  readonly message: string;
  readonly hint: string;
}

export interface CachedFile {
  readonly name: string;
  readonly bytes: number;
}

export interface CacheState {
  readonly folder: string;
  readonly writable: boolean;
  /** Size of the runtimes and models. */
  readonly bytes: number;
  /** Built TensorFlow runtimes; one that the installed version does not use can be deleted. */
  readonly runtimes: readonly CachedFile[];
  readonly models: readonly CachedFile[];
}

export interface Diagnosis {
  readonly ok: boolean;
  readonly vgg16: string;
  readonly node: { readonly version: string; readonly required: string; readonly platform: string };
  /** Versions are `null` where it does not run; `route` is `null` where there is nothing to run. */
  readonly tensorflow: {
    readonly version: string | null;
    readonly tfjsNode: string | null;
    readonly route: Runtime['route'] | null;
    readonly folder: string | null;
    readonly compiler: string | null;
  };
  readonly sharp: DecoderVersions | null;
  readonly cpu: CpuFeatures;
  /** `available` is what a run uses by default, `processors` what this process may run on. */
  readonly threads: { readonly available: number; readonly processors: number };
  readonly cache: CacheState;
  readonly problems: readonly Problem[];
}

export interface DoctorOptions {
  readonly cacheDir: string;
  /** Tests pass another. */
  readonly probe?: typeof probeRuntime;
}

/** Never rejects for what it finds wrong: that is its result. */
export async function doctor(options: DoctorOptions): Promise<Diagnosis> {
  const { version, engines } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  const problems: Problem[] = [];
  const node = {
    version: process.versions.node,
    required: engines.node,
    platform: `${process.platform}-${process.arch}`,
  };
  problems.push(...nodeProblems(node.version, node.required));

  const runtime = findRuntime();
  const probe = await (options.probe ?? probeRuntime)();
  if (!probe.ok) problems.push(runtimeProblem(runtime, probe.message));

  const sharp = await decoderVersions().catch((error: unknown) => {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n', 1);
    problems.push({
      part: 'sharp',
      message: `sharp, which decodes the images, could not be loaded: ${reason}`,
      hint: 'npm install --include=optional sharp',
    });
    return null;
  });

  const cache = await cacheState(options.cacheDir);
  if (!cache.writable) {
    problems.push({
      part: 'cache',
      message: `The cache folder ${cache.folder} was expected to be writable but is not.`,
      hint: 'export VGG16_CACHE_DIR=/another/folder',
    });
  }

  return {
    ok: problems.length === 0,
    vgg16: version,
    node,
    tensorflow: {
      version: probe.ok ? probe.tensorflow : null,
      tfjsNode: probe.ok ? probe.tfjsNode : null,
      route: runtime?.route ?? null,
      folder: runtime?.folder ?? null,
      compiler: runtime?.compiler ?? null,
    },
    sharp,
    cpu: cpuFeatures(),
    threads: { available: availableThreads(), processors: availableParallelism() },
    cache,
    problems,
  };
}

/** 0 when all is well, 5 without TensorFlow (no model can be opened), else 1. */
export function doctorExitCode({ problems }: Pick<Diagnosis, 'problems'>): ExitCode {
  if (problems.length === 0) return ExitCode.Ok;
  return problems.some(({ part }) => part === 'tensorflow') ? ExitCode.Model : ExitCode.Unexpected;
}

/** `required` is package.json's `engines.node`: `>=major.minor.patch`. */
export function nodeProblems(version: string, required: string): Problem[] {
  const least = required.replace(/^>=/, '');
  if (version.localeCompare(least, 'en', { numeric: true }) >= 0) return [];
  const message = `Expected Node ${least} or newer but this is ${version}.`;
  return [{ part: 'node', message, hint: 'nvm install 22' }];
}

function runtimeProblem(runtime: Runtime | undefined, reason: string): Problem {
  const hint = installCommand();
  if (runtime === undefined) {
    return { part: 'tensorflow', message: 'tfjs-node has no TensorFlow: its native part was not installed.', hint };
  }
  const aged = /SIGILL/.test(reason) ? ' (this processor lacks instructions that it was built for)' : '';
  return { part: 'tensorflow', message: `TensorFlow is installed but does not run: ${reason}${aged}.`, hint };
}

async function cacheState(folder: string): Promise<CacheState> {
  const [writable, runtimes, models] = await Promise.all([
    isWritable(folder),
    sizes(join(folder, 'runtime')),
    sizes(join(folder, 'models')),
  ]);
  const bytes = [...runtimes, ...models].reduce((sum, file) => sum + file.bytes, 0);
  return { folder, writable, bytes, runtimes, models };
}

/** Whether files can be made in a folder, or it can be made itself. */
async function isWritable(folder: string): Promise<boolean> {
  try {
    const nearest = await nearestExisting(folder);
    if (!(await stat(nearest)).isDirectory()) return false;
    await access(nearest, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    return nearestExisting(parent);
  }
}

/** The entries of a folder by name, folders with all that is in them; none where there is no folder. */
async function sizes(folder: string): Promise<CachedFile[]> {
  const names = await readdir(folder).catch(() => []);
  return Promise.all(names.sort().map(async (name) => ({ name, bytes: await size(join(folder, name)) })));
}

async function size(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true }).catch(() => ['']); // '' is the path itself: a file
  const found = await Promise.all(names.map((name) => stat(join(path, name)).catch(() => undefined)));
  return found.reduce((sum, entry) => sum + (entry?.isFile() ? entry.size : 0), 0);
}

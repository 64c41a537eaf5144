/** Bring known weights onto this machine: download, check, convert to this tool's own file in the cache. */

import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ADVICE, ExitCode, RunError, usageError } from '../../errors.js';
import { type DownloadEvent, type DownloadLimits, download } from '../../models/catalog/download.js';
import { rememberedHash } from '../../models/catalog/file-hash.js';
import {
  byHand,
  type FrameworkEnvironment,
  findWeights,
  isKnownModel,
  ownPath,
} from '../../models/catalog/known-models.js';
import { Lock } from '../../models/catalog/lock.js';
import { removePart } from '../../models/catalog/partial-download.js';
import { isPublished, KNOWN_WEIGHTS, type KnownWeights, knownWeights } from '../../models/catalog/published-weights.js';
import { reasonOf } from '../../output/sink.js';

/** How often a process that waits for another one looks, in milliseconds. */
const POLL_MS = 200;

/** A rounded size, and the true one, differ by less than this share. */
const ROUNDING = 0.01;

export interface PullOptions {
  /** Of known weights. */
  readonly name: string;
  readonly cacheDir: string;
  /** Never touch the network. */
  readonly offline?: boolean;
  /** A mirror: the address of a folder that has the published files under their names in the registry. */
  readonly weightsUrl?: string;
  readonly signal?: AbortSignal;
  /** Where PyTorch and Keras keep their files; the process's own environment unless given. */
  readonly env?: FrameworkEnvironment;
  readonly limits?: Partial<DownloadLimits>;
  /** In place of what the registry has under `name`, for tests. */
  readonly known?: KnownWeights;
}

export type PullEvent =
  | DownloadEvent
  /** Another process is at it; this one goes on when that has ended. */
  | { readonly type: 'waiting'; readonly pid: number }
  | { readonly type: 'converting' };

export interface PulledModel {
  readonly name: string;
  /** This tool's own file. */
  readonly path: string;
  readonly bytes: number;
  /** Of that file, in hex. */
  readonly sha256: string;
  /** False where it was there already. */
  readonly pulled: boolean;
}

/**
 * Returns when the weights are in the cache as a file of this tool's own. Throws MODEL_NOT_FOUND where they cannot be
 * had, MODEL_INVALID where they are not what was published, OUTPUT_FAILED for a full disk; the signal's reason when
 * aborted. What was downloaded by then is kept, and the next call goes on from there.
 */
export async function* pullModel(options: PullOptions): AsyncGenerator<PullEvent, PulledModel> {
  const { cacheDir } = options;
  const known = options.known ?? weightsToPull(options.name);
  const here = await found(known, options);
  if (here?.own === true) return await pulledModel(known, options, false);
  // PyTorch's or Keras's own download does as well, where it is sound.
  const local = here !== undefined && (await isSound(here.path, known, cacheDir)) ? here.path : undefined;
  if (local === undefined && options.offline === true) throw offlineError(known, options);
  try {
    yield* underLock(known, local, options);
  } catch (error) {
    throw diskError(error, cacheDir) ?? error;
  }
  return await pulledModel(known, options, true);
}

/** Whether `pullModel` has work to do before the model `name` can be opened. */
export async function needsPull(
  name: string,
  cacheDir: string,
  env: FrameworkEnvironment = process.env,
): Promise<boolean> {
  const known = knownWeights(name);
  return known !== undefined && (await findWeights(known, cacheDir, env)) === undefined;
}

/** The address that the weights are downloaded from. */
export function addressOf({ url, file }: KnownWeights, weightsUrl: string | undefined): string {
  return weightsUrl === undefined ? url : `${weightsUrl.replace(/\/+$/, '')}/${file}`;
}

function weightsToPull(name: string): KnownWeights {
  const known = knownWeights(name);
  if (known !== undefined) return known;
  const names = KNOWN_WEIGHTS.map((each) => each.name).join(', ');
  throw usageError(
    isKnownModel(name)
      ? `Expected weights that are downloaded but ${name} needs no download.`
      : `Expected the name of known weights but received ${name}.`,
    `They are ${names}.`,
  );
}

const found = (known: KnownWeights, { cacheDir, env = process.env }: PullOptions) => findWeights(known, cacheDir, env);

async function isSound(path: string, { hash }: KnownWeights, cacheDir: string): Promise<boolean> {
  return isPublished(await rememberedHash(path, cacheDir, hash.algorithm), hash);
}

async function* underLock(
  known: KnownWeights,
  local: string | undefined,
  options: PullOptions,
): AsyncGenerator<PullEvent, void> {
  const { cacheDir, signal, limits } = options;
  const path = join(cacheDir, 'downloads', `${known.file}.partial`);
  const output = ownPath(known.name, cacheDir);
  for (const file of [path, output]) await mkdir(dirname(file), { recursive: true });
  const lock = yield* lockOf(known, path, options);
  try {
    if ((await found(known, options))?.own === true) return; // the other process has done it
    if (lock.isDoubtful) await removePart(path);
    if (local === undefined) {
      yield* download({
        url: addressOf(known, options.weightsUrl),
        path,
        hash: known.hash,
        ...sizesOf(known),
        hint: byHand(known),
        ...(limits === undefined ? {} : { limits }),
        signal,
      });
    }
    signal?.throwIfAborted();
    yield { type: 'converting' };
    const { importModel } = await import('./import.js');
    await importModel({
      model: local ?? path,
      open: { seed: 0, cacheDir, published: known },
      output,
      replace: true,
      signal,
    });
    await removePart(path);
  } finally {
    await lock.release();
  }
}

/** Waits for a process that has the lock, telling how far it is. */
async function* lockOf(known: KnownWeights, path: string, { signal }: PullOptions): AsyncGenerator<PullEvent, Lock> {
  let pid: number | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const lock = await Lock.take(path.replace(/partial$/, 'lock'));
    if (lock instanceof Lock) return lock;
    if (lock.pid !== pid) yield { type: 'waiting', pid: lock.pid };
    pid = lock.pid;
    const part = await stat(path).catch(() => undefined);
    if (part !== undefined) yield { type: 'progress', bytes: part.size, total: known.bytes };
    await wait(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

function sizesOf({ bytes, slack }: KnownWeights): { readonly least: number; readonly most: number } {
  if (slack === 0) return { least: bytes, most: bytes };
  return { least: Math.floor(bytes * (1 - ROUNDING)), most: Math.ceil(bytes * (1 + ROUNDING)) };
}

async function pulledModel(known: KnownWeights, { cacheDir }: PullOptions, pulled: boolean): Promise<PulledModel> {
  const path = ownPath(known.name, cacheDir);
  const [{ size }, sha256] = await Promise.all([stat(path), rememberedHash(path, cacheDir)]);
  return { name: known.name, path, bytes: size, sha256, pulled };
}

function offlineError(known: KnownWeights, { weightsUrl }: PullOptions): RunError {
  return new RunError(
    'MODEL_NOT_FOUND',
    `Expected the weights ${known.name} on this machine, since the network is not to be used, but they would have to be downloaded from ${addressOf(known, weightsUrl)}.`,
    { exitCode: ExitCode.Model, hint: `${ADVICE.allowNetwork}; or ${byHand(known)}` },
  );
}

/** A full disk, a cache that cannot be written: as an error that says where. */
function diskError(error: unknown, cacheDir: string): RunError | undefined {
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  return new RunError('OUTPUT_FAILED', `Expected to write into the cache, ${cacheDir}, but ${reasonOf(error)}.`, {
    exitCode: ExitCode.Unexpected,
    hint: `Make room, or ${ADVICE.otherCache}.`,
    cause: error,
  });
}

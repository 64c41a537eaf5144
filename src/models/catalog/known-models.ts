/** Models that have a name, and where their files are looked for. */

import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADVICE, ExitCode, modelError, RunError } from '../../errors.js';
import { rememberedHash } from './file-hash.js';
import { isPublished, KNOWN_WEIGHTS, type KnownWeights, knownWeights } from './published-weights.js';

/** Names that need no download, and what they stand for. */
const OWN_MODELS = {
  mini: 'ships with the tool: CIFAR-10, 10 classes, 32x32 pixels',
  random: 'the full-size network with random weights, of any seed and number of classes',
} as const;

/** Names and what they stand for, as listed in messages. */
export const KNOWN_MODELS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(KNOWN_WEIGHTS.map(({ name, what }) => [name, what])),
  ...OWN_MODELS,
};

export function isKnownModel(name: string): boolean {
  return Object.hasOwn(KNOWN_MODELS, name);
}

/** Names of imported models: those of their files. */
const IMPORTED_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Where the model that `model import` calls `name` lies in the cache; `undefined` for what can be no name. */
export function importedFile(name: string, cacheDir: string): string | undefined {
  return IMPORTED_NAME.test(name) ? join(cacheDir, 'models', `${name}.safetensors`) : undefined;
}

/** The model that ships with the tool; the same path from `src/` and from `dist/`. */
export const MINI_FILE = fileURLToPath(new URL('../../../fixtures/models/mini.safetensors', import.meta.url));

/** The environment variables that say where PyTorch and Keras keep their downloads. */
export interface FrameworkEnvironment {
  readonly TORCH_HOME?: string | undefined;
  readonly XDG_CACHE_HOME?: string | undefined;
  readonly KERAS_HOME?: string | undefined;
}

/** Where known weights lie: in a file of ours (its card says all), or as published. */
export interface WeightsOnDisk {
  readonly path: string;
  readonly bytes: number;
  readonly own: boolean;
}

/** Our file of known weights in the cache, where `model pull` puts it. */
export function ownPath(name: string, cacheDir: string): string {
  return join(cacheDir, 'models', `${name}.safetensors`);
}

/** In the order in which they are looked for: our file, the published one in the cache, then in its framework's own. */
function placesOf(
  { name, file, cachedBy }: KnownWeights,
  cacheDir: string,
  env: FrameworkEnvironment,
): readonly { readonly path: string; readonly own: boolean }[] {
  return [
    { path: ownPath(name, cacheDir), own: true },
    { path: join(cacheDir, 'models', file), own: false },
    ...(cachedBy === 'torch' ? [{ path: join(torchHome(env), 'hub', 'checkpoints', file), own: false }] : []),
    ...(cachedBy === 'keras' ? [{ path: join(kerasHome(env), 'models', file), own: false }] : []),
  ];
}

/** The first that exists; `undefined` where the weights are not on this machine. Nothing is read. */
export async function findWeights(
  known: KnownWeights,
  cacheDir: string,
  env: FrameworkEnvironment,
): Promise<WeightsOnDisk | undefined> {
  for (const place of placesOf(known, cacheDir, env)) {
    const found = await stat(place.path).catch(() => undefined);
    if (found?.isFile()) return { ...place, bytes: found.size };
  }
  return undefined;
}

/** The same for a name, checked by the published hash. Throws MODEL_NOT_FOUND, or MODEL_INVALID for another hash. */
export async function requireWeights(
  name: string,
  cacheDir: string,
  env: FrameworkEnvironment,
): Promise<WeightsOnDisk & { readonly known: KnownWeights }> {
  const known = knownWeights(name);
  if (known === undefined) throw new Error(`Expected a name of known weights but received ${name}.`);
  const found = await findWeights(known, cacheDir, env);
  if (found === undefined) throw notHere(known, cacheDir, env);
  if (!found.own) await checkHash(found.path, known, cacheDir);
  return { ...found, known };
}

function notHere(known: KnownWeights, cacheDir: string, env: FrameworkEnvironment): RunError {
  const places = placesOf(known, cacheDir, env).map(({ path }) => path);
  return new RunError(
    'MODEL_NOT_FOUND',
    `The weights ${known.name} are not on this machine: looked for ${places.join(', ')}.`,
    { exitCode: ExitCode.Model, hint: `Type vgg16 model pull ${known.name}; or ${byHand(known)}` },
  );
}

/** How to do without the network, as a sentence that goes on. */
export function byHand({ url, file }: KnownWeights): string {
  return `bring ${file} here from ${url} by other means and type vgg16 model import ${file}. ${ADVICE.takeMini}`;
}

/** torch.hub's folder: `torch/hub.py`, `_get_torch_home`. */
function torchHome({ TORCH_HOME, XDG_CACHE_HOME }: FrameworkEnvironment): string {
  return TORCH_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'torch');
}

/** Keras's folder: `keras/src/backend/config.py`. */
function kerasHome({ KERAS_HOME }: FrameworkEnvironment): string {
  return KERAS_HOME || join(homedir(), '.keras');
}

async function checkHash(path: string, { name, hash }: KnownWeights, cacheDir: string): Promise<void> {
  const digest = await rememberedHash(path, cacheDir, hash.algorithm);
  if (!isPublished(digest, hash)) {
    throw modelError(`Expected a ${hash.algorithm} that starts with ${hash.hex} for ${path} but it is ${digest}.`, {
      hint: `The file is damaged or incomplete: delete it, or type vgg16 model pull ${name}, which does not use it.`,
    });
  }
}

/**
 * The known weights that a file of another program's is, by its hash. Hashes only what has the size or the name of one:
 * reading all of a large file takes a second.
 */
export async function recognize(path: string, cacheDir: string): Promise<KnownWeights | undefined> {
  const found = await stat(path);
  if (!found.isFile()) return undefined;
  for (const known of KNOWN_WEIGHTS) {
    const isCandidate = Math.abs(found.size - known.bytes) <= known.slack || basename(path) === known.file;
    if (!isCandidate) continue;
    const digest = await rememberedHash(path, cacheDir, known.hash.algorithm);
    if (isPublished(digest, known.hash)) return known;
  }
  return undefined;
}

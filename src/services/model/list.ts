/** The models that have a name: where they come from, what was published of them, whether they are on this machine. */

import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RunError } from '../../errors.js';
import { rememberedHash } from '../../models/catalog/file-hash.js';
import {
  type FrameworkEnvironment,
  findWeights,
  isKnownModel,
  KNOWN_MODELS,
} from '../../models/catalog/known-models.js';
import { KNOWN_WEIGHTS, type KnownWeights, type PublishedHash } from '../../models/catalog/published-weights.js';
import { openModel } from '../../models/open.js';
import { addressOf } from './pull.js';

export interface ListedModel {
  readonly name: string;
  readonly what: string;
  /** `null` for what ships with the tool or was imported. */
  readonly url: string | null;
  /** Whether the address was read in `source`, and is not put together. */
  readonly confirmed: boolean;
  /** Of the published file, or the one that is here; rounded where `exact` is false. */
  readonly bytes: number;
  readonly exact: boolean;
  /** Of the same file; `hex` may be its first digits only. */
  readonly hash: PublishedHash;
  readonly license: string | null;
  /** Name of the preprocessing. */
  readonly preset: string;
  /** Published, in percent. */
  readonly accuracy: { readonly top1: number; readonly top5?: number; readonly on: string } | null;
  /** The file on this machine, `null` where there is none. */
  readonly cached: string | null;
  /** What of the weights is of no use, and why. */
  readonly note: string | null;
  /** Where these facts were read. */
  readonly source: string | null;
}

export interface ListOptions {
  readonly cacheDir: string;
  /** A mirror in place of the published addresses. */
  readonly weightsUrl?: string | undefined;
  /** Where PyTorch and Keras keep their files; the process's own environment unless given. */
  readonly env?: FrameworkEnvironment;
}

/** The published ones first, then what is here besides. */
export async function listModels(options: ListOptions): Promise<readonly ListedModel[]> {
  const { cacheDir } = options;
  const imported = await importedModels(cacheDir);
  const models = await Promise.all([
    ...KNOWN_WEIGHTS.map(async (known) => await listed(known, options)),
    local('mini', KNOWN_MODELS.mini as string, cacheDir),
    ...imported.map(async (path) => await local(path, 'imported', cacheDir)),
  ]);
  return models.filter((model) => model !== undefined);
}

async function listed(known: KnownWeights, options: ListOptions): Promise<ListedModel> {
  const here = await findWeights(known, options.cacheDir, options.env ?? process.env);
  const { name, what, confirmed, bytes, slack, hash, license, preset, accuracy, source } = known;
  return {
    name,
    what,
    url: addressOf(known, options.weightsUrl),
    confirmed,
    bytes,
    exact: slack === 0,
    hash,
    license,
    preset: preset.name,
    accuracy,
    cached: here?.path ?? null,
    note: known.noClassifier ?? null,
    source,
  };
}

/** A model that is a file here, and describes itself; `undefined` where it is damaged. */
async function local(model: string, what: string, cacheDir: string): Promise<ListedModel | undefined> {
  const { card, file } = await openModel(model, { seed: 0, cacheDir }).catch((error: unknown) => {
    if (error instanceof RunError) return { card: undefined, file: null };
    throw error;
  });
  if (file === null) return undefined;
  return {
    name: basename(model, EXTENSION),
    what,
    url: null,
    confirmed: true,
    bytes: file.bytes,
    exact: true,
    hash: { algorithm: 'sha256', hex: await rememberedHash(file.path, cacheDir) },
    license: card.license,
    preset: card.preset.name,
    accuracy: card.accuracy,
    cached: file.path,
    note: card.noClassifier ?? null,
    source: card.source,
  };
}

/** Files that `model import` has put into the cache under names of their own, by name. */
async function importedModels(cacheDir: string): Promise<readonly string[]> {
  const folder = join(cacheDir, 'models');
  const files = await readdir(folder).catch(() => []);
  const own = files.filter((file) => file.endsWith(EXTENSION) && !isKnownModel(basename(file, EXTENSION)));
  return own.sort().map((file) => join(folder, file));
}

const EXTENSION = '.safetensors';

/** From a name or a path to a model: its card, and where its weights lie. Weights themselves are not read here. */

import { access } from 'node:fs/promises';
import { ADVICE, ExitCode, modelError, RunError, usageError } from '../errors.js';
import { hasCard, parseCard } from '../formats/card/parse.js';
import { readWeightFile } from '../formats/open.js';
import { withInt8 } from '../formats/safetensors/int8.js';
import { inferArchitecture } from '../formats/shared/infer-architecture.js';
import { type NamedTensors, nameTensors } from '../formats/shared/tensor-names.js';
import type { WeightFile } from '../formats/shared/weight-file.js';
import { randomWeights } from '../formats/weights/random.js';
import { vgg16 } from '../network/architecture.js';
import type { Model, ModelCard } from '../network/card.js';
import { PRESETS, type PresetName } from '../network/preset.js';
import { assemble } from './assemble.js';
import {
  type FrameworkEnvironment,
  importedFile,
  isKnownModel,
  KNOWN_MODELS,
  MINI_FILE,
  recognize,
  requireWeights,
} from './catalog/known-models.js';
import type { KnownWeights } from './catalog/published-weights.js';
import { foreignCard, rejectPreset } from './foreign-card.js';
import { publishedCard, usedWeights } from './published-card.js';
import { weightsOf } from './weight-sources.js';

export interface OpenOptions {
  /** Of the random weights: an integer from 0 to 2^32 - 1. */
  readonly seed: number;
  /** Classes of the random network (1000); for any other model, what it must have. */
  readonly numClasses?: number;
  /** Instead of the model's own. */
  readonly labels?: readonly string[];
  /** Only for weights that do not say how they were trained. */
  readonly preset?: PresetName;
  /** Folder of downloaded models (`models/`). */
  readonly cacheDir: string;
  /** Where PyTorch and Keras keep their files; the process's own environment unless given. */
  readonly env?: FrameworkEnvironment;
  /** What the file is known to be, so that its hash is not looked up. */
  readonly published?: KnownWeights;
}

/**
 * Opens a known model (`mini`, `imagenet`, `random` …) or a weight file. Reads headers only, milliseconds at any size; but
 * what may be a published file, by its size or its name, is hashed the first time.
 * Throws MODEL_NOT_FOUND, MODEL_INVALID, or USAGE where an option contradicts the model.
 */
export async function openModel(nameOrPath: string, options: OpenOptions): Promise<Model> {
  const model = await openByName(nameOrPath, options);
  checkClasses(model.card, options);
  return { ...model, card: { ...model.card, labels: labelsOf(model.card, options) } };
}

async function openByName(nameOrPath: string, options: OpenOptions): Promise<Model> {
  if (!isKnownModel(nameOrPath)) {
    const path = await findFile(nameOrPath, options.cacheDir);
    return await openFile(path, options, options.published);
  }
  switch (nameOrPath) {
    case 'random':
      return openRandom(options);
    case 'mini':
      return await openFile(MINI_FILE, options);
    default: {
      const { path, own, known } = await requireWeights(nameOrPath, options.cacheDir, options.env ?? process.env);
      const model = await openFile(path, options, own ? undefined : known);
      return { ...model, card: { ...model.card, name: nameOrPath } };
    }
  }
}

/** A weight file, or one that `model import` has put into the cache under a name. */
async function findFile(path: string, cacheDir: string): Promise<string> {
  if (await mayExist(path)) return path;
  const imported = importedFile(path, cacheDir);
  if (imported !== undefined && (await mayExist(imported))) return imported;
  throw new RunError('MODEL_NOT_FOUND', `Expected a known model or a weight file but there is no ${path}.`, {
    exitCode: ExitCode.Model,
    hint: `Known models: ${Object.keys(KNOWN_MODELS).join(', ')}. Type vgg16 model list to see what they are.`,
  });
}

/** Whatever cannot be looked at for another reason is opened, so that its reader says the reason. */
async function mayExist(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
}

function openRandom({ seed, numClasses = 1000, preset = 'torchvision' }: OpenOptions): Model {
  if (!Number.isSafeInteger(numClasses) || numClasses < 1) {
    throw usageError(`Expected a whole number of classes from 1 but received ${numClasses}.`);
  }
  const architecture = vgg16(numClasses);
  return {
    card: {
      name: 'random',
      architecture,
      preset: PRESETS[preset],
      labels: null,
      license: null,
      source: `random weights, seed ${seed}`,
      accuracy: null,
    },
    weights: randomWeights(architecture, seed),
    file: null,
  };
}

/** `known` is what the file has been found to be; without it that is looked for. */
async function openFile(path: string, options: OpenOptions, known?: KnownWeights): Promise<Model> {
  const file = await readWeightFile(path);
  const assembled = file.steps === undefined ? undefined : assemble(file, file.steps);
  const named = assembled ?? nameTensors(file);
  const published = hasCard(file) ? undefined : (known ?? (await recognize(path, options.cacheDir)));
  const card = hasCard(file)
    ? ownCard(file, named, options)
    : published === undefined
      ? foreignCard(file, named, assembled?.affine ?? [], options.preset)
      : publishedCard(published, file, named, options.preset);
  const weights = usedWeights(card, await weightsOf(named, file));
  const model = { card, weights, file: { path, bytes: file.bytes } };
  return hasCard(file) ? withInt8(model, file) : model;
}

/** Our own file: the card says everything, and the shapes must agree with it. */
function ownCard(file: WeightFile, named: NamedTensors, options: OpenOptions): ModelCard {
  const card = parseCard(file);
  rejectPreset(options.preset, `${file.path} says itself that its preset is ${card.preset.name}`);
  const inferred = inferArchitecture(named, card.architecture.inputSize, file);
  if (JSON.stringify(inferred) !== JSON.stringify(card.architecture)) {
    throw modelError(
      `The card of ${file.path} does not fit its tensors: expected ${JSON.stringify(card.architecture)} but they have ${JSON.stringify(inferred)}.`,
    );
  }
  return card;
}

function checkClasses({ name, architecture }: ModelCard, { numClasses }: OpenOptions): void {
  const classes = architecture.classifier?.classes ?? 0;
  if (numClasses !== undefined && numClasses !== classes) {
    throw usageError(`${numClasses} classes do not fit ${name}, which has ${classes}.`, ADVICE.noClasses);
  }
}

function labelsOf({ name, labels, architecture }: ModelCard, options: OpenOptions): readonly string[] | null {
  if (options.labels === undefined) return labels;
  const classes = architecture.classifier?.classes ?? 0;
  if (options.labels.length !== classes) {
    throw modelError(
      `Expected ${classes} labels, one for each class of ${name}, but received ${options.labels.length}.`,
    );
  }
  return options.labels;
}

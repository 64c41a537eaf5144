/** From a name or a path to a model: its card, and where its weights lie. Weights themselves are not read here. */

import { access } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { ExitCode, modelError, RunError, usageError } from '../errors.js';
import { type Architecture, vgg16 } from './architecture.js';
import type { Model, ModelCard } from './card.js';
import { IMAGENET_LABELS } from './imagenet-labels.js';
import { inferArchitecture } from './infer.js';
import { findImagenet, IMAGENET_CARD, isKnownModel, KNOWN_MODELS, MINI_FILE, type TorchEnvironment } from './known.js';
import { LAYOUTS, type NamedTensors, nameTensors } from './names.js';
import { hasCard, parseCard } from './parse-card.js';
import { PRESETS, type Preset, type PresetName } from './preset.js';
import type { FileTensor, WeightLayout, Weights } from './tensors.js';
import type { StoredTensor, WeightFile } from './weights/file.js';
import { readWeightFile } from './weights/open.js';
import { randomWeights } from './weights/random.js';

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
  /** Where torch.hub keeps its files; the process's own environment unless given. */
  readonly env?: TorchEnvironment;
}

/**
 * Opens a known model (`mini`, `imagenet`, `random`) or a weight file. Reads headers only: milliseconds at any size.
 * Throws MODEL_NOT_FOUND, MODEL_INVALID, or USAGE where an option contradicts the model.
 */
export async function openModel(nameOrPath: string, options: OpenOptions): Promise<Model> {
  const model = await openByName(nameOrPath, options);
  checkClasses(model.card, options);
  return { ...model, card: { ...model.card, labels: labelsOf(model.card, options) } };
}

async function openByName(nameOrPath: string, options: OpenOptions): Promise<Model> {
  if (!isKnownModel(nameOrPath)) {
    await checkExists(nameOrPath);
    return await openFile(nameOrPath, options);
  }
  switch (nameOrPath) {
    case 'random':
      return openRandom(options);
    case 'mini':
      return await openFile(MINI_FILE, options);
    case 'imagenet': {
      const { path, own } = await findImagenet(options.cacheDir, options.env ?? process.env);
      const model = await openFile(path, options);
      return { ...model, card: own ? { ...model.card, name: 'imagenet' } : { ...model.card, ...IMAGENET_CARD } };
    }
  }
}

async function checkExists(path: string): Promise<void> {
  const found = await access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
  if (found) return;
  const names = Object.entries(KNOWN_MODELS).map(([name, what]) => `${name} (${what})`);
  throw new RunError('MODEL_NOT_FOUND', `Expected a known model or a weight file but there is no ${path}.`, {
    exitCode: ExitCode.Model,
    hint: `Known models: ${names.join(', ')}.`,
  });
}

function openRandom({ seed, numClasses = 1000, preset = 'torchvision' }: OpenOptions): Model {
  if (!Number.isSafeInteger(numClasses) || numClasses < 1) {
    throw usageError(`Expected a whole number from 1 as --num-classes but received ${numClasses}.`);
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

async function openFile(path: string, options: OpenOptions): Promise<Model> {
  const file = await readWeightFile(path);
  const named = nameTensors(file);
  const card = hasCard(file) ? ownCard(file, named, options) : foreignCard(file, named, options);
  return { card, weights: weightsOf(named, path), file: { path, bytes: file.bytes } };
}

/** Our own file: the card says everything, and the shapes must agree with it. */
function ownCard(file: WeightFile, named: NamedTensors, options: OpenOptions): ModelCard {
  const card = parseCard(file);
  rejectPreset(options, `${file.path} says itself that its preset is ${card.preset.name}`);
  const inferred = inferArchitecture(named, card.architecture.inputSize, file);
  if (JSON.stringify(inferred) !== JSON.stringify(card.architecture)) {
    throw modelError(
      `The card of ${file.path} does not fit its tensors: expected ${JSON.stringify(card.architecture)} but they have ${JSON.stringify(inferred)}.`,
    );
  }
  return card;
}

/** Another program's file: the architecture from the shapes, the preset from the names. */
function foreignCard(file: WeightFile, named: NamedTensors, options: OpenOptions): ModelCard {
  if (named.naming === 'vgg16') {
    throw modelError(
      `Expected a card in the metadata of ${file.path}, whose tensors are named as in this tool's own files, but it has none.`,
    );
  }
  const preset = foreignPreset(file, named, options);
  const architecture = inferArchitecture(named, preset.crop, file);
  const classes = architecture.classifier?.classes;
  return {
    name: basename(file.path, extname(file.path)),
    architecture,
    preset: scaledTo(preset, architecture),
    labels: named.naming === 'torch' && classes === IMAGENET_LABELS.length ? IMAGENET_LABELS : null,
    license: null,
    source: null,
    accuracy: null,
  };
}

function foreignPreset(file: WeightFile, { naming }: NamedTensors, options: OpenOptions): Preset {
  if (naming === 'torch') {
    rejectPreset(options, `the names in ${file.path} are torchvision's, so its preset is torchvision`);
    return PRESETS.torchvision;
  }
  if (options.preset === undefined) {
    throw usageError(
      `${file.path} does not say how its images have to be prepared.`,
      `Add --preset ${Object.keys(PRESETS).join(' or --preset ')}: what the weights were trained with.`,
    );
  }
  return PRESETS[options.preset];
}

function rejectPreset({ preset }: OpenOptions, why: string): void {
  if (preset !== undefined) throw usageError(`--preset ${preset} cannot be used here: ${why}.`, 'Leave --preset out.');
}

/** The preset's geometry for another input size, in proportion: 256 to 224 as for ImageNet. */
function scaledTo(preset: Preset, { inputSize }: Architecture): Preset {
  if (inputSize === preset.crop) return preset;
  return { ...preset, resize: Math.round((inputSize * preset.resize) / preset.crop), crop: inputSize };
}

function weightsOf(named: NamedTensors, file: string): Weights {
  const layout = LAYOUTS[named.naming];
  return Object.fromEntries(
    [...named.layers].map(([name, { kernel, bias }]) => [
      name,
      { kernel: source(kernel, file, layout), bias: source(bias, file, layout) },
    ]),
  );
}

function source({ name, type, offset, byteLength }: StoredTensor, file: string, layout: WeightLayout): FileTensor {
  // inferArchitecture has refused every other type by now.
  if (type === undefined) throw modelError(`Expected floating-point numbers in ${name} of ${file}.`);
  return { kind: 'file', file, offset, byteLength, type, layout };
}

function checkClasses({ name, architecture }: ModelCard, { numClasses }: OpenOptions): void {
  const classes = architecture.classifier?.classes ?? 0;
  if (numClasses !== undefined && numClasses !== classes) {
    throw usageError(
      `--num-classes ${numClasses} does not fit ${name}, which has ${classes} classes.`,
      '--num-classes is for --model random; leave it out here.',
    );
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

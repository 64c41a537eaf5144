/**
 * Reads what Keras saves: `.h5` with weights only or with the whole model (Keras 1 to 3), `.weights.h5` of Keras 3, and
 * `.keras`, a zip with the configuration, the weights as HDF5, and a card where this tool wrote it.
 */

import { modelError } from '../../errors.js';
import { CONVOLUTIONS_PER_BLOCK } from '../../network/architecture.js';
import { CARD_RECORD } from '../card/metadata.js';
import { MAX_CARD_BYTES, parseCardRecord } from '../card/parse.js';
import { type Hdf5Source, readHdf5Tree } from '../hdf5/read.js';
import type { NetworkStep } from '../shared/network-steps.js';
import type { RandomAccessFile } from '../shared/random-access-file.js';
import { shown } from '../shared/shown.js';
import { MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import { DuplicateKeyError, parseUniqueJson } from '../shared/unique-json.js';
import type { WeightFile } from '../shared/weight-file.js';
import { Zip } from '../shared/zip.js';
import { type KerasWeights, kerasWeights, type Unit } from './find-weights.js';
import { type KerasNetwork, kerasFamily, kerasNetwork } from './network.js';

/** Members of a zip, at most. A `.keras` file has four, and assets of layers; one of PyTorch has one a tensor. */
const MAX_MEMBERS = MAX_TENSORS + 100;

/** Text of a member, in bytes, at most: a configuration has 20 KB, a card with 1,000 labels 30 KB. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;

const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';

/** Whether a zip is a model of Keras. Throws MODEL_INVALID where it is damaged. */
export async function isKerasZip(file: RandomAccessFile): Promise<boolean> {
  const zip = await Zip.open(file, MAX_MEMBERS);
  zip.close();
  return zip.entries.has(CONFIG);
}

/** Names, shapes and places of the tensors, and the network. Throws MODEL_INVALID. */
export async function readKerasZip(file: RandomAccessFile): Promise<WeightFile> {
  const { path, bytes } = file;
  const zip = await Zip.open(file, MAX_MEMBERS);
  try {
    const config = parse(await zip.text(CONFIG, MAX_TEXT_BYTES), CONFIG, path);
    const { offset, byteLength } = await zip.place(WEIGHTS);
    const tree = await readHdf5Tree({ file: path, start: offset, byteLength });
    const weights = kerasWeights(tree, '', path);
    const network = await kerasNetwork(config, weights.find, path);
    // Keras asks for its three members and leaves others alone.
    const hasCard = zip.entries.has(CARD_RECORD);
    const metadata = hasCard ? parseCardRecord(await zip.text(CARD_RECORD, MAX_CARD_BYTES), path) : {};
    return { path, bytes, format: 'keras', tensors: weights.tensors, metadata, ...network };
  } finally {
    zip.close();
  }
}

/** The same for HDF5 that is a file of its own. */
export async function readKerasHdf5({ path, bytes }: RandomAccessFile): Promise<WeightFile> {
  const source: Hdf5Source = { file: path, start: 0, byteLength: bytes };
  const tree = await readHdf5Tree(source);
  const config = tree.groups.get('/')?.attributes.get('model_config');
  const weights = kerasWeights(tree, tree.groups.has('/model_weights') ? '/model_weights' : '', path);
  const network =
    typeof config === 'string'
      ? await kerasNetwork(parse(config, 'model_config', path), weights.find, path)
      : weightsOnly(weights, path);
  return { path, bytes, format: 'keras', tensors: weights.tensors, metadata: {}, ...network };
}

function parse(text: string, what: string, path: string): unknown {
  try {
    return parseUniqueJson(text);
  } catch (error) {
    const fault = error instanceof DuplicateKeyError ? error.message : 'it is not valid JSON';
    throw modelError(`Expected JSON as the ${what} of ${path} but ${fault}.`, { cause: error });
  }
}

/**
 * VGG-16's own steps for weights without a network: 13 convolutions and no or three dense layers can hardly be anything
 * else. Batch normalisations can: they may stand before or after a ReLU.
 */
function weightsOnly(weights: KerasWeights, path: string): KerasNetwork {
  const units = weights.units();
  const odd = units.find(({ tensors }) => !isConvolution(tensors) && !isDense(tensors));
  if (odd !== undefined) {
    throw modelError(
      `Expected kernels and biases only in ${path}, which has no configuration, but ${shown(odd.name)} has others.`,
      { hint: 'Save the whole model: model.save("model.keras").' },
    );
  }
  const convolutions = units.filter(({ tensors }) => isConvolution(tensors));
  const dense = units.filter(({ tensors }) => isDense(tensors));
  const expected = CONVOLUTIONS_PER_BLOCK.reduce((sum, count) => sum + count, 0);
  if (convolutions.length !== expected || (dense.length !== 0 && dense.length !== 3)) {
    throw modelError(
      `${path} is not a VGG-16: it has ${convolutions.length} convolutions and ${dense.length} dense layers, ` +
        `expected ${expected} and 3, or ${expected} and none.`,
    );
  }
  const steps = [...convolutionSteps(convolutions), ...denseSteps(dense)];
  const family = kerasFamily(steps);
  return { steps, ...(family === undefined ? {} : { family }) };
}

const isConvolution = ([kernel, , more]: readonly StoredTensor[]) => kernel?.shape.length === 4 && more === undefined;
const isDense = ([kernel, , more]: readonly StoredTensor[]) => kernel?.shape.length === 2 && more === undefined;

function convolutionSteps(units: readonly Unit[]): readonly NetworkStep[] {
  const left = [...units];
  return CONVOLUTIONS_PER_BLOCK.flatMap((count, block) => [
    ...left.splice(0, count).flatMap((unit): NetworkStep[] => [
      { kind: 'conv', ...weightsIn(unit) },
      { kind: 'relu', name: unit.name },
    ]),
    { kind: 'maxPool' as const, name: `block${block + 1}_pool` },
  ]);
}

function denseSteps(units: readonly Unit[]): readonly NetworkStep[] {
  if (units.length === 0) return [];
  const steps = units.flatMap((unit): NetworkStep[] => [
    { kind: 'dense', ...weightsIn(unit) },
    { kind: 'relu', name: unit.name },
  ]);
  return [{ kind: 'flatten', name: 'flatten', order: 'hwc' }, ...steps.slice(0, -1)];
}

function weightsIn({ name, tensors }: Unit) {
  return { name, kernel: tensors[0] as StoredTensor, bias: tensors[1], order: 'hwio' } as const;
}

/**
 * Where Keras keeps the weights of a layer in an HDF5 file. Keras 2, and `.h5` of Keras 3: a group for each layer of the
 * outermost model, whose attribute `weight_names` lists datasets (keras/src/legacy/saving/legacy_h5_format.py). Keras 3: a
 * group for each layer with its variables by number (keras/src/saving/saving_lib.py).
 */

import { modelError } from '../../errors.js';
import type { Hdf5Dataset, Hdf5Tree } from '../hdf5/read.js';
import { shown } from '../shared/shown.js';
import { MAX_TENSORS, type StoredTensor } from '../shared/stored-tensor.js';
import type { KerasLayer } from './layer-order.js';
import type { FindWeight } from './network.js';

/** A layer with weights, of a file that says no more. */
export interface Unit {
  readonly name: string;
  readonly tensors: readonly StoredTensor[];
}

/** The weights of a file, by layers of a configuration or all of them. */
export interface KerasWeights {
  readonly find: FindWeight;
  readonly tensors: readonly StoredTensor[];
  /** In the order of the network. */
  units(): readonly Unit[];
}

/** Under `root`, without a slash at its end. Throws MODEL_INVALID where there are neither kind of weights. */
export function kerasWeights(tree: Hdf5Tree, root: string, file: string): KerasWeights {
  const group = tree.groups.get(root === '' ? '/' : root);
  if (listOf(group?.attributes, 'layer_names') !== undefined) return new LegacyWeights(tree, root, file);
  if (tree.groups.has(`${root}/layers`)) return new CheckpointWeights(tree, root, file);
  throw modelError(`Expected weights of Keras but ${file} is an HDF5 file with neither layer_names nor layers.`);
}

function tensorsUnder(tree: Hdf5Tree, folder: string, root: string, file: string): readonly StoredTensor[] {
  const found = [...tree.datasets.values()].filter(({ path }) => path.startsWith(`${folder}/`));
  if (found.length > MAX_TENSORS) {
    throw modelError(`Expected at most ${MAX_TENSORS} tensors but ${file} has ${found.length}.`);
  }
  return found.map((dataset) => tensorOf(dataset, root));
}

function tensorOf({ path, shape, dtype, place }: Hdf5Dataset, root: string): StoredTensor {
  return { name: path.slice(root.length + 1), shape, dtype, place };
}

type Attributes = ReadonlyMap<string, string | readonly string[]>;

/** A list that Keras cuts into NAME0, NAME1 … where it is longer than an HDF5 header. */
function listOf(attributes: Attributes | undefined, name: string): readonly string[] | undefined {
  const whole = attributes?.get(name);
  if (typeof whole === 'object') return whole;
  const pieces: string[] = [];
  for (let i = 0; ; i++) {
    const piece = attributes?.get(`${name}${i}`);
    if (typeof piece !== 'object') return i === 0 ? undefined : pieces;
    pieces.push(...piece);
  }
}

class LegacyWeights implements KerasWeights {
  readonly tensors: readonly StoredTensor[];

  constructor(
    readonly tree: Hdf5Tree,
    readonly root: string,
    readonly file: string,
  ) {
    this.tensors = tensorsUnder(tree, root, root, file);
  }

  /** `layer/kernel:0`, or in files of Keras 1 `layer_W_1:0` in the order of `variablesOf`. */
  readonly find: FindWeight = (layer, weight) => {
    const [top = ''] = layer.path;
    const names = this.#names(top);
    const isTop = layer.path.length === 1;
    const named = names.filter((name) => {
      const [variable, owner] = partsOf(name);
      return variable === weight && (isTop || owner === layer.name);
    });
    if (named.length > 1) throw this.#refuse(`${shown(layer.name)} has ${named.length} weights called ${weight}`);
    if (named[0] !== undefined) return this.#tensor(top, named[0]);
    const order = variablesOf(layer);
    if (!isTop || names.length !== order.length || !names.every((name) => OLD_NAME.test(name))) return undefined;
    const name = names[order.indexOf(weight)];
    return name === undefined ? undefined : this.#tensor(top, name);
  };

  units(): readonly Unit[] {
    const attributes = this.tree.groups.get(this.root === '' ? '/' : this.root)?.attributes;
    const units = new Map<string, { readonly name: string; readonly tensors: StoredTensor[] }>();
    for (const layer of listOf(attributes, 'layer_names') ?? []) {
      for (const name of this.#names(layer)) {
        const [variable, owner = layer] = partsOf(name);
        const key = OLD_NAME.test(name) ? layer : `${layer}/${name.slice(0, name.lastIndexOf(variable))}`;
        const unit = units.get(key) ?? { name: owner, tensors: [] };
        unit.tensors.push(this.#tensor(layer, name));
        units.set(key, unit);
      }
    }
    return [...units.values()];
  }

  #names(layer: string): readonly string[] {
    return listOf(this.tree.groups.get(`${this.root}/${layer}`)?.attributes, 'weight_names') ?? [];
  }

  #tensor(layer: string, name: string): StoredTensor {
    const dataset = this.tree.datasets.get(`${this.root}/${layer}/${name}`);
    if (dataset === undefined) throw this.#refuse(`its weight ${shown(`${layer}/${name}`)} is missing`);
    return tensorOf(dataset, this.root);
  }

  #refuse(why: string): Error {
    return modelError(`${this.file} is damaged: ${why}.`);
  }
}

/** The last two parts of a weight's name: kernel and block1_conv1 of vgg16/block1_conv1/kernel:0. */
function partsOf(name: string): readonly [variable: string, owner: string | undefined] {
  const parts = name.replace(/:\d+$/, '').split('/');
  return [parts.at(-1) as string, parts.at(-2)];
}

/** Of Keras 1, as in Keras's own weights of VGG-16. */
const OLD_NAME = /^[^/]*_(?:W|b|gamma|beta|running_mean|running_std)(?:_\d+)?(?::\d+)?$/;

/** A layer's variables in the order in which Keras keeps them. */
function variablesOf({ className, config }: KerasLayer): readonly string[] {
  switch (className) {
    case 'BatchNormalization':
      return [
        ...(config.scale === false ? [] : ['gamma']),
        ...(config.center === false ? [] : ['beta']),
        'moving_mean',
        'moving_variance',
      ];
    case 'Normalization':
      return ['mean', 'variance', 'count'];
    default:
      return config.use_bias === false ? ['kernel'] : ['kernel', 'bias'];
  }
}

class CheckpointWeights implements KerasWeights {
  readonly tensors: readonly StoredTensor[];

  constructor(
    readonly tree: Hdf5Tree,
    readonly root: string,
    readonly file: string,
  ) {
    this.tensors = tensorsUnder(tree, `${root}/layers`, root, file);
  }

  readonly find: FindWeight = (layer, weight) => {
    const number = variablesOf(layer).indexOf(weight);
    const dataset = this.tree.datasets.get(`${this.root}/${layer.checkpoint}/vars/${number}`);
    return dataset === undefined ? undefined : tensorOf(dataset, this.root);
  };

  /** Convolutions and dense layers are numbered; which comes first is plain. */
  units(): readonly Unit[] {
    const units = new Map<string, { readonly name: string; readonly tensors: StoredTensor[] }>();
    for (const dataset of this.tree.datasets.values()) {
      const folder = /^(.*)\/vars\/\d+$/.exec(dataset.path)?.[1];
      if (folder === undefined || !folder.startsWith(`${this.root}/layers/`)) continue;
      const name = this.tree.groups.get(`${folder}/vars`)?.attributes.get('name');
      const unit = units.get(folder) ?? { name: typeof name === 'string' ? name : lastOf(folder), tensors: [] };
      unit.tensors.push(tensorOf(dataset, this.root));
      units.set(folder, unit);
    }
    return [...units].sort(([a], [b]) => byNumber(a, b)).map(([, unit]) => unit);
  }
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** conv2d_9 before conv2d_10, and conv2d before both. */
function byNumber(a: string, b: string): number {
  const [, nameA = a, numberA = 0] = /^(.*?)(?:_(\d+))?$/.exec(a) ?? [];
  const [, nameB = b, numberB = 0] = /^(.*?)(?:_(\d+))?$/.exec(b) ?? [];
  if (nameA !== nameB) return nameA < nameB ? -1 : 1;
  return Number(numberA) - Number(numberB);
}

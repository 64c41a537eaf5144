/** The names that weight files give to VGG-16's layers, and which tensor of a file is which. */

import { modelError } from '../../errors.js';
import { TENSORFLOW_LAYOUT, TORCH_LAYOUT, type WeightLayout, type WeightPart } from '../../network/tensors.js';
import { LAYER_MODULES } from '../../network/torch-modules.js';
import type { BatchNormStep } from './network-steps.js';
import { shown } from './shown.js';
import type { StoredTensor } from './stored-tensor.js';
import type { WeightFile } from './weight-file.js';

/** Who named the tensors: this project (`conv1_1/kernel`), the paper (`conv1_1.weight`), or torchvision and timm. */
export type Naming = 'vgg16' | 'paper' | 'torch';

/** In which axis order a naming's files hold their tensors. */
const LAYOUTS: Readonly<Record<Naming, WeightLayout>> = {
  vgg16: TENSORFLOW_LAYOUT,
  paper: TORCH_LAYOUT,
  torch: TORCH_LAYOUT,
};

interface Meaning {
  readonly naming: Naming;
  readonly layer: string;
  readonly part: WeightPart;
}

const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  LAYER_MODULES.flatMap(([layer, torchvision, timm]) =>
    (['kernel', 'bias'] as const).flatMap((part): [string, Meaning][] => {
      const suffix = part === 'kernel' ? 'weight' : 'bias';
      return [
        [`${layer}/${part}`, { naming: 'vgg16', layer, part }],
        [`${layer}.${suffix}`, { naming: 'paper', layer, part }],
        [`${torchvision}.${suffix}`, { naming: 'torch', layer, part }],
        [`${timm}.${suffix}`, { naming: 'torch', layer, part }],
      ];
    }),
  ),
);

export interface NamedLayer {
  readonly kernel: StoredTensor;
  /** Zeros where there is none. */
  readonly bias: StoredTensor | undefined;
  /** Of the kernel. */
  readonly layout: WeightLayout;
  /** Normalises what the layer reads: it stands after the ReLU of the dense layer before, or after pool5. */
  readonly normBefore?: BatchNormStep;
  /** Normalises what the layer gives, before its ReLU. */
  readonly normAfter?: BatchNormStep;
}

export interface NamedTensors {
  /** `undefined` where not the names but the file's own graph says which tensor is which. */
  readonly naming: Naming | undefined;
  /** By the paper's names, in the order of the network: 13 convolutions and either no or three dense layers. */
  readonly layers: ReadonlyMap<string, NamedLayer>;
}

/** Which tensor is which. Every tensor must have a meaning and every layer both its tensors; throws MODEL_INVALID else. */
export function nameTensors(file: WeightFile): NamedTensors {
  const found = new Map<string, StoredTensor>();
  let naming: Naming | undefined;
  for (const tensor of file.tensors) {
    const meaning = MEANINGS.get(tensor.name);
    if (meaning === undefined)
      throw notVgg16(file, otherNetwork(file) ?? `it holds ${shown(tensor.name)}, which no layer has`);
    const place = `${meaning.layer}/${meaning.part}`;
    const other = found.get(place);
    if (other !== undefined)
      throw notVgg16(
        file,
        `${shown(other.name)} and ${shown(tensor.name)} are both the ${meaning.part} of ${meaning.layer}`,
      );
    if (naming !== undefined && naming !== meaning.naming)
      throw notVgg16(file, 'its tensors are named by two different schemes');
    naming = meaning.naming;
    found.set(place, tensor);
  }
  if (naming === undefined) throw notVgg16(file, 'it holds no tensors');
  return { naming, layers: layersIn(found, LAYOUTS[naming], file) };
}

function layersIn(
  found: ReadonlyMap<string, StoredTensor>,
  layout: WeightLayout,
  file: WeightFile,
): ReadonlyMap<string, NamedLayer> {
  const hasClassifier = [...found.keys()].some((place) => place.startsWith('fc'));
  const layers = new Map<string, NamedLayer>();
  for (const [layer, torchvision, timm] of LAYER_MODULES) {
    if (layer.startsWith('fc') && !hasClassifier) continue;
    const kernel = found.get(`${layer}/kernel`);
    const bias = found.get(`${layer}/bias`);
    if (kernel === undefined || bias === undefined) {
      const names = [...new Set([layer, torchvision, timm])].join(' or ');
      throw notVgg16(
        file,
        otherNetwork(file) ?? `the ${kernel === undefined ? 'kernel' : 'bias'} of ${layer} is missing (${names})`,
      );
    }
    layers.set(layer, { kernel, bias, layout });
  }
  return layers;
}

/** One sentence: which file, and why. */
export function notVgg16(file: WeightFile, why: string): Error {
  return modelError(`${file.path} is not a VGG-16: ${why}.`);
}

/** Convolutions of torchvision's networks that also keep them under `features`. */
const BY_CONVOLUTIONS: Readonly<Record<number, string>> = { 5: 'AlexNet', 8: 'VGG-11', 10: 'VGG-13', 16: 'VGG-19' };

/** A network that people mistake for this one, recognised by its names. */
function otherNetwork({ tensors }: WeightFile): string | undefined {
  const has = (pattern: RegExp) => tensors.some(({ name }) => pattern.test(name));
  if (has(/^layer1\.0\./)) return 'it has the layers of a ResNet';
  if (has(/^(?:cls_token|pos_embed)$|^encoder\.layers?\./)) return 'it has the layers of a transformer';
  const convolutions = tensors.filter(
    ({ name, shape }) => /^features\.\d+\.weight$/.test(name) && shape.length === 4,
  ).length;
  const normalised = tensors.find(({ name }) => /\.(?:running_mean|running_var|num_batches_tracked)$/.test(name));
  if (normalised !== undefined) {
    const network = convolutions === 13 ? 'it is VGG-16 with batch normalisation' : 'it has batch normalisation';
    return `${network} (${shown(normalised.name)}), which has to be folded into the convolutions first`;
  }
  const network = BY_CONVOLUTIONS[convolutions];
  return network === undefined
    ? undefined
    : `it has ${convolutions} convolutions, as ${network} has, but VGG-16 has 13`;
}

/** The card of another program's file: the architecture from its shapes, the preset from its names or its own graph. */

import { basename, extname } from 'node:path';
import { ADVICE, modelError, usageError } from '../errors.js';
import { inferArchitecture } from '../formats/shared/infer-architecture.js';
import type { AffineStep } from '../formats/shared/network-steps.js';
import { shown } from '../formats/shared/shown.js';
import type { NamedTensors } from '../formats/shared/tensor-names.js';
import type { Family, WeightFile } from '../formats/shared/weight-file.js';
import type { Architecture } from '../network/architecture.js';
import type { ModelCard } from '../network/card.js';
import { PRESETS, type Preset, type PresetName } from '../network/preset.js';
import { IMAGENET_LABELS } from './imagenet/labels.js';

/** What each family's weights were trained with, and whose names they are, for messages. */
const FAMILIES: Readonly<Record<Family, { readonly preset: PresetName; readonly owner: string }>> = {
  torch: { preset: 'torchvision', owner: "torchvision's" },
  mxnet: { preset: 'torchvision', owner: "MXNet's" },
  keras: { preset: 'keras', owner: "Keras's" },
  caffe: { preset: 'caffe', owner: "Caffe's" },
};

/** Throws USAGE where nothing says how the images have to be prepared, or `preset` contradicts what does. */
export function foreignCard(
  file: WeightFile,
  named: NamedTensors,
  affine: readonly AffineStep[],
  asked: PresetName | undefined,
): ModelCard {
  if (named.naming === 'vgg16') {
    throw modelError(
      `Expected a card in the metadata of ${file.path}, whose tensors are named as in this tool's own files, but it has none.`,
    );
  }
  const family = named.naming === 'torch' ? 'torch' : file.family;
  const preset = affine.length > 0 ? filePreset(affine, file, asked) : foreignPreset(file, family, asked);
  const architecture = inferArchitecture(named, preset.crop, file);
  const isImagenet = family !== undefined && architecture.classifier?.classes === IMAGENET_LABELS.length;
  return {
    name: basename(file.path, extname(file.path)),
    architecture,
    preset: scaledTo(preset, architecture),
    labels: labelsOf(file, architecture) ?? (isImagenet ? IMAGENET_LABELS : null),
    license: null,
    source: null,
    accuracy: null,
  };
}

function foreignPreset(file: WeightFile, family: Family | undefined, asked: PresetName | undefined): Preset {
  if (family !== undefined) {
    const { preset, owner } = FAMILIES[family];
    rejectPreset(asked, `the names in ${file.path} are ${owner}, so its preset is ${preset}`);
    return PRESETS[preset];
  }
  if (asked === undefined) {
    throw usageError(`${file.path} does not say how its images have to be prepared.`, ADVICE.namePreset);
  }
  return PRESETS[asked];
}

/** Labels of another number than the classes are somebody's mistake, and no reason to refuse the weights. */
function labelsOf({ labels }: WeightFile, { classifier }: Architecture): readonly string[] | null {
  return labels !== undefined && labels.length === classifier?.classes ? labels : null;
}

export function rejectPreset(asked: PresetName | undefined, why: string): void {
  if (asked !== undefined) throw usageError(`The preset ${asked} cannot be used here: ${why}.`, ADVICE.noPreset);
}

/** Above it a number that is subtracted from pixels is in units of 0 to 255, not of 0 to 1. */
const UNIT_RANGE = 2;

/**
 * Preprocessing that the file's network does itself, as the preset that stands for it: `x * scale + offset` is
 * `(x - mean) / std`. Whether its input is 0 to 255 or 0 to 1 follows from the numbers: a std that does not shrink 255 to
 * a few units is for 0 to 1.
 */
function filePreset(affine: readonly AffineStep[], file: WeightFile, asked: PresetName | undefined): Preset {
  rejectPreset(asked, `the network in ${file.path} prepares its input itself`);
  const channels = [0, 1, 2].map((channel) => {
    let [scale, offset] = [1, 0];
    for (const step of affine) {
      const factor = each(step.scale, channel, file);
      [scale, offset] = [scale * factor, offset * factor + each(step.offset, channel, file)];
    }
    return { mean: -offset / scale, std: 1 / scale };
  });
  if (!channels.every(({ mean, std }) => Number.isFinite(mean) && Number.isFinite(std) && std > 0)) {
    throw modelError(`Expected a scaling of the input with numbers above 0 in ${file.path} but it has others.`);
  }
  const isUnit = channels.every(
    ({ mean, std }) => std < UNIT_RANGE && Math.abs(mean) < UNIT_RANGE && (mean !== 0 || std !== 1),
  );
  const triple = (values: readonly number[]) => values as unknown as readonly [number, number, number];
  return {
    name: 'file',
    resize: PRESETS.torchvision.resize,
    crop: PRESETS.torchvision.crop,
    channels: 'RGB',
    divisor: isUnit ? 255 : 1,
    mean: triple(channels.map(({ mean }) => mean)),
    std: triple(channels.map(({ std }) => std)),
  };
}

function each(values: readonly number[], channel: number, file: WeightFile): number {
  const value = values[values.length === 1 ? 0 : channel];
  if (value === undefined || values.length > 3) {
    throw modelError(
      `Expected one number or three as a scaling of the input in ${file.path} but there are ${shown(values.length)}.`,
    );
  }
  return value;
}

/** The preset's geometry for another input size, in proportion: 256 to 224 as for ImageNet. */
export function scaledTo(preset: Preset, { inputSize }: Architecture): Preset {
  if (inputSize === preset.crop) return preset;
  return { ...preset, resize: Math.round((inputSize * preset.resize) / preset.crop), crop: inputSize };
}

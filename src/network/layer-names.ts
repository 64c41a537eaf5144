/** Layers as people name them, and what a request for one gives. */

import { modelError } from '../errors.js';
import { type Architecture, type Layer, layersOf, vgg16 } from './architecture.js';
import type { LayerOutput, OutputDType } from './output-request.js';
import { TORCH_MODULES } from './torch-modules.js';

/** What an output of a layer is called: fc8 goes by what it gives. */
export function outputName(layer: string): string {
  return layer === 'fc8' ? 'logits' : layer;
}

/** Every layer by the name that is shown, in the order of the network: conv1_1 … fc7, logits. */
export const LAYER_CHOICES: readonly string[] = layersOf(vgg16()).map(({ name }) => outputName(name));

/** Modules of torchvision's `features`, one line a block: a convolution and its ReLU … and the pool. */
const FEATURES: readonly (readonly string[])[] = vgg16().convolutions.map((block, b) => [
  ...block.flatMap((_, c) => [`conv${b + 1}_${c + 1}`, `conv${b + 1}_${c + 1}`]),
  `pool${b + 1}`,
]);

/** Modules of torchvision's `classifier`: linear, ReLU and dropout, twice, and the last linear. */
const CLASSIFIER: readonly string[] = ['fc6', 'fc6', 'fc6', 'fc7', 'fc7', 'fc7', 'fc8'];

/** Spellings in lower case to the paper's names. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ...layersOf(vgg16()).flatMap(({ name }) => [[name, name] as const, [outputName(name), name] as const]),
  ...TORCH_MODULES,
  ...FEATURES.flat().map((layer, i) => [`features.${i}`, layer] as const),
  ...CLASSIFIER.map((layer, i) => [`classifier.${i}`, layer] as const),
  ...layersOf(vgg16()).flatMap(({ name, kind }) => (kind === 'fc' ? [] : [[kerasName(name), name] as const])),
  ['fc1', 'fc6'],
  ['fc2', 'fc7'],
]);

/** conv1_2 is block1_conv2, pool1 is block1_pool: keras/src/applications/vgg16.py. */
function kerasName(layer: string): string {
  return layer.replace(/^(conv|pool)(\d)_?(\d?)$/, 'block$2_$1$3');
}

/**
 * The paper's name of a layer in the spelling of the paper, torchvision, timm or Keras, in any case; `logits` is fc8.
 *
 * A name gives the layer only, a request's `activation` says on which side of the ReLU: torchvision's `features.0`
 * (the convolution) and `features.1` (its ReLU, which works in place) are both conv1_1, `classifier.3` to
 * `classifier.5` (linear, ReLU, dropout) are fc7.
 *
 * Two names have no layer here, because they would give other numbers than there. torchvision's `avgpool` is pool5 at
 * 224 pixels only, and elsewhere the name stands for a global average: ask for pool5. Keras's `predictions` come after
 * the softmax: ask for logits.
 */
export function parseLayer(text: string): string | undefined {
  return SPELLINGS.get(text.toLowerCase());
}

/** What a request for a layer gives for one image. */
export interface OutputSpec {
  /** The name to show: the paper's, `logits` for fc8. */
  readonly name: string;
  /** [7, 7, 512], [512] when pooled, [4096], [classes]. */
  readonly shape: readonly number[];
  readonly dtype: OutputDType;
}

/** Throws MODEL_INVALID when the network has no such layer; `model` is its name in the message. */
export function outputSpecOf(architecture: Architecture, request: LayerOutput, model?: string): OutputSpec {
  const { name, outputShape } = findLayer(architecture, request.layer, model);
  const shape = isPooled(request, outputShape) ? outputShape.slice(-1) : outputShape;
  return { name: outputName(name), shape, dtype: request.dtype ?? 'f32' };
}

/** Whether a request makes one row of the positions of a layer; a dense layer has none. */
export function isPooled({ pool = 'none' }: LayerOutput, outputShape: readonly number[]): boolean {
  return pool !== 'none' && outputShape.length > 1;
}

/**
 * A layer of the network by the paper's name. Throws MODEL_INVALID, naming those that there are; `why` there are no more
 * is added to the message.
 */
export function findLayer(architecture: Architecture, name: string, model = 'the model', why?: string): Layer {
  const layers = layersOf(architecture);
  const found = layers.find((layer) => layer.name === name);
  if (found !== undefined) return found;
  const names = layers.map((layer) => outputName(layer.name));
  const reason = why === undefined ? '' : `; ${why}`;
  throw modelError(
    `Expected a layer of ${model} but received ${outputName(name)}: ${model} ends at ${names.at(-1)}${reason}.`,
    { hint: `Its layers are ${names.join(', ')}.` },
  );
}

/** From a model and what is asked of it to a graph. */

import { resolve } from 'node:path';
import { readRange, readTensor } from '../formats/weights/read.js';
import { INPUT_CHANNELS, KERNEL_SIZE, weightLayersOf } from '../network/architecture.js';
import type { Int8Weights, Model } from '../network/card.js';
import { requireInt8 } from '../network/card.js';
import {
  type CompiledGraph,
  compileGraph,
  type GraphSpec,
  type MappedFile,
  type StoredForm,
} from '../network/graph/vgg.js';
import { compileInt8Graph, type FirstLayer } from '../network/graph/vgg-int8.js';
import type { OutputRequest } from '../network/output-request.js';
import type { Arithmetic } from '../network/precision.js';
import { type FileRange, feedTypeOf, TENSORFLOW_LAYOUT, type TensorSource } from '../network/tensors.js';

/** Throws MODEL_INVALID for an output of no layer, and for int8 where the model has no ranges. */
export async function compile(
  model: Model,
  arithmetic: Arithmetic,
  outputs: readonly OutputRequest[],
): Promise<CompiledGraph> {
  const { architecture, preset } = model.card;
  const spec: GraphSpec = { architecture, preset, outputs, ...storedForms(model) };
  switch (arithmetic) {
    case 'f32':
    case 'bf16':
      return compileGraph({ ...spec, precision: arithmetic });
    case 'int8-simulated':
      return compileGraph({ ...spec, precision: 'f32', ranges: requireInt8(model).ranges });
    case 'int8': {
      const int8 = requireInt8(model);
      const steps = Object.entries(int8.kernels).map(([layer, { scale }]) => {
        return [layer, { range: int8.ranges[layer] as number, scale }] as const;
      });
      return compileInt8Graph({ ...spec, steps: Object.fromEntries(steps), first: await firstLayer(model, int8) });
    }
  }
}

/**
 * How the weights of each layer come in. Of this tool's own files, which lie as TensorFlow wants them and are never written
 * over (`model import` and `pull` put a new file in their place), nothing is read: TensorFlow maps them into memory. Files of
 * others are read, because one that is cut off while it is mapped ends the process.
 */
export function storedForms(model: Pick<Model, 'weights' | 'file' | 'int8'>): Pick<GraphSpec, 'stored' | 'mapped'> {
  const mapped = mappedFile(model);
  const within = (range: FileRange | undefined) => mapped !== undefined && range?.file === model.file?.path;
  const incoming = (source: TensorSource) => {
    const range = source.kind === 'stored' && source.place.kind === 'range' ? source.place : undefined;
    const type = feedTypeOf(source);
    return range !== undefined && range.type === type && within(range) ? { type, offset: range.offset } : { type };
  };
  const stored = Object.entries(model.weights).map(([layer, { layout, kernel, bias }]): [string, StoredForm] => {
    const integers = model.int8?.kernels[layer]?.integers;
    const form = { layout, kernel: incoming(kernel), bias: incoming(bias) };
    return [layer, within(integers) ? { ...form, integers: (integers as FileRange).offset } : form];
  });
  return { stored: Object.fromEntries(stored), mapped };
}

/** Offsets in the graph are int32. */
const MAX_MAPPED_BYTES = 2 ** 31 - 1;

function mappedFile({ weights, file }: Pick<Model, 'weights' | 'file'>): MappedFile | undefined {
  const own = Object.values(weights).every(({ layout }) => layout === TENSORFLOW_LAYOUT);
  if (file === null || !own || file.bytes > MAX_MAPPED_BYTES || !file.path.endsWith('.safetensors')) return undefined;
  return { path: resolve(file.path), bytes: file.bytes };
}

/**
 * The first layer on bytes. Its int8 kernel has the scale of the normalisation in it; the mean, which is a constant, goes into
 * the bias: b - sum over the kernel of w * mean.
 */
async function firstLayer({ card, weights }: Model, { kernels }: Int8Weights): Promise<FirstLayer> {
  const [layer] = weightLayersOf(card.architecture);
  const name = layer?.name ?? '';
  const units = layer?.kernelShape.at(-1) ?? 0;
  const stored = kernels[name];
  const source = weights[name]?.bias;
  if (stored === undefined || source === undefined) throw new Error(`Expected int8 weights of ${name}.`);
  const { channels, divisor, mean } = card.preset;
  const bias = Float64Array.from(await readTensor(source, units));
  const integers = new Int8Array(await readRange(stored.integers));
  const kernel = new Int8Array(integers.length);
  for (let position = 0; position < KERNEL_SIZE ** 2; position++) {
    for (let c = 0; c < INPUT_CHANNELS; c++) {
      const from = (position * INPUT_CHANNELS + c) * units;
      const to = (position * INPUT_CHANNELS + (channels === 'RGB' ? c : INPUT_CHANNELS - 1 - c)) * units;
      for (let unit = 0; unit < units; unit++) {
        const integer = integers[from + unit] as number;
        kernel[to + unit] = integer;
        const weight = integer * (stored.scale[unit] as number);
        bias[unit] = (bias[unit] as number) - weight * (mean[c] as number) * divisor;
      }
    }
  }
  return { kernel: [...kernel], bias: [...bias] };
}

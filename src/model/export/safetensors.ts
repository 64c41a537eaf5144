/**
 * Writes safetensors, https://huggingface.co/docs/safetensors: with torchvision's names for PyTorch, or as this tool's
 * own model file, whose kernels lie in TensorFlow's order and which opens fastest.
 */

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { float32ToBFloat16, float32ToFloat16 } from '../../floats.js';
import { type Architecture, weightLayersOf } from '../architecture.js';
import type { Model, ModelCard } from '../card.js';
import { cardMetadata } from '../card-text.js';
import { layerValues } from '../layer-values.js';
import { TORCHVISION_MODULES } from '../names.js';
import { CARD_KEY, VERSION_KEY } from '../parse-card.js';
import { TENSORFLOW_LAYOUT, TORCH_LAYOUT, type WeightLayout } from '../tensors.js';
import { checkOutputs } from './check.js';
import type { ExportDType, ExportOptions } from './options.js';

/** The dtype in the format's own words, and its bytes. */
const DTYPES: Readonly<Record<ExportDType, readonly [name: string, bytes: number]>> = {
  f32: ['F32', 4],
  f16: ['F16', 2],
  bf16: ['BF16', 2],
};

/** Tensors start at multiples of this many bytes. */
const ALIGNMENT = 8;

/** torchvision's `state_dict`: `safetensors.torch.load_file` gives what `vgg16().load_state_dict` takes. */
export async function exportSafetensors(model: Model, path: string, options: ExportOptions): Promise<void> {
  checkOutputs('safetensors', model, options);
  const { version, card } = cardMetadata(model.card);
  await write(model, path, {
    dtype: options.dtype,
    layout: TORCH_LAYOUT,
    metadata: { format: 'pt', [VERSION_KEY]: version, [CARD_KEY]: card },
    nameOf: (layer, part) => `${TORCHVISION_MODULES.get(layer)}.${part === 'kernel' ? 'weight' : 'bias'}`,
  });
}

/** This tool's own file, with `card` in place of the model's. */
export async function writeModelFile(model: Model, card: ModelCard, path: string, dtype: ExportDType): Promise<void> {
  await write(model, path, {
    dtype,
    layout: TENSORFLOW_LAYOUT,
    metadata: { ...cardMetadata(card) },
    nameOf: (layer, part) => `${layer}/${part}`,
  });
}

type Part = 'kernel' | 'bias';

interface Convention {
  readonly dtype: ExportDType;
  readonly layout: WeightLayout;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nameOf: (layer: string, part: Part) => string;
}

async function write(model: Model, path: string, convention: Convention): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', flush: true });
  try {
    await put(file, headerOf(model.card.architecture, convention));
    for (const { name } of weightLayersOf(model.card.architecture)) {
      const { kernel, bias } = await layerValues(model, name, convention.layout);
      for (const values of [kernel, bias]) await put(file, encode(values, convention.dtype));
    }
  } finally {
    file.end();
    await finished(file);
  }
}

function headerOf(architecture: Architecture, { dtype, layout, metadata, nameOf }: Convention): Buffer {
  const [name, bytes] = DTYPES[dtype];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  const add = (key: string, shape: readonly number[]) => {
    const end = offset + shape.reduce((product, size) => product * size, bytes);
    header[key] = { dtype: name, shape, data_offsets: [offset, end] };
    offset = end;
  };
  for (const { name: layer, kernelShape } of weightLayersOf(architecture)) {
    const [input, output] = kernelShape.slice(-2) as [number, number];
    const shape = layout === TORCH_LAYOUT ? [output, input, ...kernelShape.slice(0, -2)] : kernelShape;
    add(nameOf(layer, 'kernel'), shape);
    add(nameOf(layer, 'bias'), [output]);
  }
  const json = Buffer.from(JSON.stringify(header));
  const room = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(room));
  return Buffer.concat([length, json, Buffer.alloc(room - json.length, ' ')]);
}

/** Values in the bytes of a type, little-endian. */
export function encode(values: Float32Array, dtype: ExportDType): Uint8Array {
  const typed = dtype === 'f32' ? values : dtype === 'f16' ? float32ToFloat16(values) : float32ToBFloat16(values);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

async function put(file: WriteStream, bytes: Uint8Array): Promise<void> {
  if (!file.write(bytes)) await once(file, 'drain');
}

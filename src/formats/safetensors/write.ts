/**
 * Writes safetensors, https://huggingface.co/docs/safetensors: with torchvision's names for PyTorch, or as this tool's
 * own model file, whose kernels lie in TensorFlow's order and which opens fastest.
 */

import { float32ToBFloat16, float32ToFloat16 } from '../../floats.js';
import { weightLayersOf } from '../../network/architecture.js';
import type { Model, ModelCard } from '../../network/card.js';
import { TENSORFLOW_LAYOUT, TORCH_LAYOUT, type WeightLayout, type WeightPart } from '../../network/tensors.js';
import { TORCHVISION_MODULES } from '../../network/torch-modules.js';
import { cardMetadata } from '../card/metadata.js';
import { CARD_KEY, VERSION_KEY } from '../card/parse.js';
import { readLayer } from '../export/layer-weights.js';
import type { ExportDType, ExporterOptions } from '../export/options.js';
import { refuseOutputs } from '../export/refuse-outputs.js';
import { type TensorEntry, writeTensors } from './write-tensors.js';

/** The dtype in the format's own words. */
const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const satisfies Record<ExportDType, string>;

/** torchvision's `state_dict`: `safetensors.torch.load_file` gives what `vgg16().load_state_dict` takes. */
export async function exportSafetensors(model: Model, path: string, options: ExporterOptions): Promise<void> {
  refuseOutputs('safetensors', model, options);
  const { version, card } = cardMetadata(model.card);
  await write(model, path, {
    dtype: options.dtype,
    layout: TORCH_LAYOUT,
    metadata: { format: 'pt', [VERSION_KEY]: version, [CARD_KEY]: card },
    nameOf: (layer, part) => `${TORCHVISION_MODULES.get(layer)}.${part === 'kernel' ? 'weight' : 'bias'}`,
    signal: options.signal,
  });
}

/** This tool's own file, with `card` in place of the model's. */
export async function writeModelFile(
  model: Model,
  card: ModelCard,
  path: string,
  dtype: ExportDType,
  signal?: AbortSignal,
): Promise<void> {
  await write(model, path, {
    dtype,
    layout: TENSORFLOW_LAYOUT,
    metadata: { ...cardMetadata(card) },
    nameOf: (layer, part) => `${layer}/${part}`,
    signal,
  });
}

interface Convention {
  readonly dtype: ExportDType;
  readonly layout: WeightLayout;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nameOf: (layer: string, part: WeightPart) => string;
  readonly signal: AbortSignal | undefined;
}

async function write(model: Model, path: string, convention: Convention): Promise<void> {
  const { dtype, layout, metadata, nameOf, signal } = convention;
  const layers = weightLayersOf(model.card.architecture);
  const entries = layers.flatMap(({ name: layer, kernelShape }): TensorEntry[] => {
    const [input, output] = kernelShape.slice(-2) as [number, number];
    const shape = layout === TORCH_LAYOUT ? [output, input, ...kernelShape.slice(0, -2)] : kernelShape;
    return [
      { name: nameOf(layer, 'kernel'), dtype: DTYPES[dtype], shape },
      { name: nameOf(layer, 'bias'), dtype: DTYPES[dtype], shape: [output] },
    ];
  });
  const data = async function* () {
    for (const { name } of layers) {
      const { kernel, bias } = await readLayer(model, name, layout);
      for (const values of [kernel, bias]) yield encode(values, dtype);
    }
  };
  await writeTensors(path, metadata, entries, data(), signal);
}

/** Values in the bytes of a type, little-endian. */
export function encode(values: Float32Array, dtype: ExportDType): Uint8Array {
  const typed = dtype === 'f32' ? values : dtype === 'f16' ? float32ToFloat16(values) : float32ToBFloat16(values);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

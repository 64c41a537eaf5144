/** Writes a quantised model: int8 kernels with their scales, float32 biases and last layer, and the ranges. */

import { cardMetadata } from '../../formats/card/metadata.js';
import { readLayer } from '../../formats/export/layer-weights.js';
import { INT8_KEY, type Int8Record, int8Layers } from '../../formats/safetensors/int8.js';
import { encode } from '../../formats/safetensors/write.js';
import { type TensorEntry, writeTensors } from '../../formats/safetensors/write-tensors.js';
import { weightLayersOf } from '../../network/architecture.js';
import type { Model, ModelCard } from '../../network/card.js';
import { TENSORFLOW_LAYOUT } from '../../network/tensors.js';
import { quantizeKernel } from './kernel.js';

/** A file of this tool, a quarter of the size of float32, with `card` in place of the model's. */
export async function writeQuantizedFile(
  model: Model,
  card: ModelCard,
  path: string,
  record: Int8Record,
  signal?: AbortSignal,
): Promise<void> {
  const { architecture, preset } = model.card;
  const quantized = new Set(int8Layers(architecture));
  const layers = weightLayersOf(architecture);
  const entries = layers.flatMap(({ name, kernelShape }): TensorEntry[] => {
    const units = [kernelShape.at(-1) as number];
    const bias = { name: `${name}/bias`, dtype: 'F32', shape: units } as const;
    if (!quantized.has(name)) return [{ name: `${name}/kernel`, dtype: 'F32', shape: kernelShape }, bias];
    return [
      { name: `${name}/kernel`, dtype: 'I8', shape: kernelShape },
      { name: `${name}/scale`, dtype: 'F32', shape: units },
      bias,
    ];
  });
  const first = layers[0]?.name;
  const data = async function* () {
    for (const { name, kernelShape } of layers) {
      const { kernel, bias } = await readLayer(model, name, TENSORFLOW_LAYOUT);
      if (!quantized.has(name)) {
        yield encode(kernel, 'f32');
      } else {
        const values = name === first ? forBytes(kernel, kernelShape, preset) : kernel;
        const { integers, scale } = quantizeKernel(values, kernelShape.at(-1) as number);
        yield new Uint8Array(integers.buffer);
        yield encode(scale, 'f32');
      }
      yield encode(bias, 'f32');
    }
  };
  await writeTensors(path, { ...cardMetadata(card), [INT8_KEY]: JSON.stringify(record) }, entries, data(), signal);
}

/** The first kernel [3, 3, in, out] for bytes, which int8 reads as they are. */
function forBytes(kernel: Float32Array, shape: readonly number[], { divisor, std }: ModelCard['preset']): Float32Array {
  const [, , inputs = 0, units = 0] = shape;
  return kernel.map((weight, at) => weight / ((std[Math.floor(at / units) % inputs] as number) * divisor));
}

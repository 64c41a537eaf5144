/** Runs what an exporter has written: in a runtime of the format's own where this machine has one, else by reading it back. */

import { Session } from '../engine/session.js';
import { loadTensorFlow, type TensorFlow } from '../engine/tensorflow.js';
import { permute } from '../formats/shared/permute.js';
import { INPUT_CHANNELS, layersOf } from '../network/architecture.js';
import type { ModelCard } from '../network/card.js';
import { outputName } from '../network/layer-names.js';
import { type OpenOptions, openModel } from './open.js';

export interface ExportedNetwork {
  /** What runs it, for people. */
  readonly runtime: string;
  /** `pixels`: count x S x S x 3 bytes, RGB. The values of each output that was asked for, in their order, flattened. */
  run(pixels: Uint8Array, count: number): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

/** `outputs`: the layers that were exported. Throws USAGE where the runtime is not installed, MODEL_INVALID where it refuses. */
export async function openExported(
  format: string,
  path: string,
  card: ModelCard,
  outputs: readonly string[],
  open: OpenOptions,
): Promise<ExportedNetwork> {
  switch (format) {
    case 'onnx':
      return await openInOnnxRuntime(path, card, outputs);
    case 'savedmodel':
      return await openInTensorFlow(path, card, outputs);
    case 'tfjs':
      return await openInTfjs(path, card, outputs);
    default:
      return await readBack(path, outputs, open);
  }
}

async function openInOnnxRuntime(path: string, card: ModelCard, outputs: readonly string[]): Promise<ExportedNetwork> {
  const { openOnnx } = await import('../formats/onnx/runtime.js');
  const session = await openOnnx(path);
  const size = card.architecture.inputSize;
  return {
    runtime: 'ONNX Runtime',
    run: async (pixels, count) => {
      const results = await session.run(normalized(pixels, count, card, 'nchw'), count, size);
      return outputs.map((layer) => channelsLast(found(results[outputName(layer)], layer), count, layer, card));
    },
    close: () => session.close(),
  };
}

async function openInTensorFlow(path: string, card: ModelCard, outputs: readonly string[]): Promise<ExportedNetwork> {
  const tf = loadTensorFlow();
  const model = await tf.node.loadSavedModel(path, ['serve'], 'serving_default');
  const size = card.architecture.inputSize;
  return {
    runtime: 'TensorFlow',
    run: async (pixels, count) => {
      const image = tf.tensor(Float32Array.from(pixels), [count, size, size, INPUT_CHANNELS], 'float32');
      const results = model.predict({ image }) as Record<string, { dataSync(): unknown }>;
      const values = outputs.map((layer) => found(results[outputName(layer)]?.dataSync() as Float32Array, layer));
      tf.dispose([image, ...Object.values(results)] as never);
      return values;
    },
    close: async () => {
      model.dispose();
    },
  };
}

async function openInTfjs(path: string, card: ModelCard, outputs: readonly string[]): Promise<ExportedNetwork> {
  const tf: TensorFlow = loadTensorFlow();
  const model = await tf.loadLayersModel(`file://${path}/model.json`);
  const size = card.architecture.inputSize;
  return {
    runtime: 'TensorFlow.js',
    run: async (pixels, count) => {
      const image = tf.tensor(normalized(pixels, count, card, 'nhwc'), [count, size, size, INPUT_CHANNELS], 'float32');
      const results = [model.predict(image)].flat();
      const values = results.map((tensor, i) => found(tensor.dataSync() as Float32Array, outputs[i] ?? ''));
      tf.dispose([image, ...results]);
      return values;
    },
    close: async () => {
      model.dispose();
    },
  };
}

async function readBack(path: string, outputs: readonly string[], open: OpenOptions): Promise<ExportedNetwork> {
  const { preset: _, labels: __, numClasses: ___, ...rest } = open;
  const session = await openSession(await openModel(path, rest), outputs);
  return { ...session, runtime: 'vgg16, which read it back' };
}

/** The model itself, in this thread. */
export async function openSession(
  model: Awaited<ReturnType<typeof openModel>>,
  outputs: readonly string[],
): Promise<ExportedNetwork> {
  const session = await Session.open({
    model,
    precision: 'f32',
    outputs: outputs.map((layer) => ({ kind: 'layer', layer }) as const),
  });
  return {
    runtime: 'vgg16',
    run: async (pixels, count) => {
      const results = session.run(pixels.slice().buffer, count);
      return outputs.map((layer) => found(results[layer]?.data as Float32Array | undefined, layer));
    },
    close: async () => session.close(),
  };
}

/** ONNX has [N, C, H, W] where everything here has [N, H, W, C]. */
function channelsLast(values: Float32Array, count: number, layer: string, { architecture }: ModelCard): Float32Array {
  const [h, w, c] = layersOf(architecture).find(({ name }) => name === layer)?.outputShape ?? [];
  if (h === undefined || w === undefined || c === undefined) return values;
  return permute(values, [count, c, h, w], [0, 2, 3, 1]);
}

function found(values: Float32Array | undefined, layer: string): Float32Array {
  if (values === undefined) throw new Error(`Expected an output of ${layer} but there is none.`);
  return values;
}

/** Pixels as the card's preset wants them: [N, 3, S, S] or [N, S, S, 3] in its channel order. */
function normalized(pixels: Uint8Array, count: number, card: ModelCard, order: 'nchw' | 'nhwc'): Float32Array {
  const { channels, divisor, mean, std } = card.preset;
  const area = card.architecture.inputSize ** 2;
  const values = new Float32Array(count * area * INPUT_CHANNELS);
  for (let i = 0; i < count * area; i++) {
    const [image, place] = [Math.floor(i / area), i % area];
    for (let c = 0; c < INPUT_CHANNELS; c++) {
      const byte = pixels[INPUT_CHANNELS * i + (channels === 'RGB' ? c : INPUT_CHANNELS - 1 - c)] as number;
      const value = (byte / divisor - (mean[c] as number)) / (std[c] as number);
      values[order === 'nchw' ? (INPUT_CHANNELS * image + c) * area + place : INPUT_CHANNELS * i + c] = value;
    }
  }
  return values;
}

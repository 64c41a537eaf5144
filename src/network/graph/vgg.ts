/**
 * VGG-16 as a TensorFlow graph, compiled for exactly the outputs that a run asks for.
 *
 * The forward pass follows Simonyan and Zisserman (2014), configuration D. Weights are variables, never constants:
 * with constants TensorFlow folds 553 MB at the first run (26-30 s). Pixels go in as bytes, and normalisation, softmax
 * and top-k happen in the graph, so no loop in JavaScript ever touches a pixel or a weight.
 */

import { type Architecture, INPUT_CHANNELS } from '../architecture.js';
import { layersFor } from '../needed-layers.js';
import type { OutputRequest } from '../output-request.js';
import type { Preset } from '../preset.js';
import { cast, DType, GraphBuilder, type Node, reshape } from './builder.js';
import { type Feed, type MappedFile, mappedBytes, type StoredForm } from './feed.js';
import { addRows, convolution, dense, logits, maxPool, type Sides, type WeightedLayer } from './layers.js';
import { type GraphOutputs, OutputCollector } from './outputs.js';
import { layerVariables } from './variables.js';

export type { OutputRequest } from '../output-request.js';
export type { MappedFile, StoredForm } from './feed.js';

/** Type of the activations and of all weights but the last layer's. */
export type FloatPrecision = 'f32' | 'bf16';

export interface CompiledGraph extends GraphOutputs {
  /** The bytes of a `saved_model.pb` (tens of kilobytes: it holds no weights). */
  readonly savedModel: Uint8Array;
  /** The weights of the layers that the outputs need; the others are not in the graph. */
  readonly feeds: readonly Feed[];
}

/** The node that takes the pixels: uint8 [N, size, size, 3], RGB. */
export const IMAGE = 'image';

/**
 * The node that takes int32 [[0, P], [0, 0]]: the dense layers get P rows of zeros behind the batch, and the outputs of
 * those, and of top_k, have N + P rows.
 */
export const PADDINGS = 'paddings';

const ACTIVATION: Readonly<Record<FloatPrecision, DType>> = { f32: DType.float32, bf16: DType.bfloat16 };

/** Everything that the shape of the graph depends on. */
export interface GraphSpec {
  readonly architecture: Architecture;
  readonly preset: Preset;
  readonly outputs: readonly OutputRequest[];
  /** How the weights of each layer come in. */
  readonly stored: Readonly<Record<string, StoredForm>>;
  /** Where those with an offset lie. */
  readonly mapped: MappedFile | undefined;
}

export interface FloatGraphSpec extends GraphSpec {
  readonly precision: FloatPrecision;
  /**
   * The largest activation of each layer that is rounded as int8 rounds it: to one of 256 even steps from 0. Float32 with
   * rounded weights and these gives what int8 arithmetic gives, on any processor.
   */
  readonly ranges?: Readonly<Record<string, number>>;
}

/** Compiles the graph. Throws MODEL_INVALID when an output names no layer of the architecture. */
export function compileGraph(spec: FloatGraphSpec): CompiledGraph {
  const g = new GraphBuilder();
  const { architecture, preset, stored, mapped, ranges = {} } = spec;
  const dtype = ACTIVATION[spec.precision];
  const outputs = new OutputCollector(g, spec.outputs);
  const feeds: Feed[] = [];
  const more = paddings(g);
  const file = mapped === undefined ? undefined : mappedBytes(g, mapped);
  const weights = (name: string, type = dtype): WeightedLayer => {
    const variables = layerVariables(g, { layer: name, dtype: type, architecture, preset, stored, file });
    feeds.push(...variables.feeds);
    return { name, kernel: variables.kernel, bias: variables.bias, dtype: type };
  };

  let h = normalised(g, preset, pixels(g, architecture), dtype); // [N, size, size, 3]
  for (const layer of layersFor(architecture, spec.outputs)) {
    const { name } = layer;
    let sides: Sides;
    if (layer.kind === 'conv') {
      sides = convolution(g, weights(name), h); // [N, size, size, width]
    } else if (layer.kind === 'pool') {
      sides = maxPool(g, name, h, dtype); // [N, size / 2, size / 2, width]
    } else if (name === 'fc6') {
      h = reshape(g, 'flatten', h, [-1, layer.inputShape[0] ?? 0], dtype); // [N, h * w * c]
      h = addRows(g, 'flatten/padded', h, more, dtype); // [N + P, h * w * c]
      sides = dense(g, weights(name), h); // [N + P, 4096]
    } else if (name === 'fc7') {
      sides = dense(g, weights(name), h); // [N + P, 4096]
    } else {
      // The last layer is 0.03 % of the work and its output is what people read: float32 at every precision.
      h = cast(g, `${name}/input`, h, dtype, DType.float32);
      sides = logits(g, weights(name, DType.float32), h); // [N + P, classes]
    }
    const range = ranges[name];
    if (range !== undefined) sides = { pre: sides.pre, post: rounded(g, name, sides.post, range) };
    const type = name === 'fc8' ? DType.float32 : dtype;
    outputs.add(layer, sides, (x) => cast(g, `${name}/float`, x, type, DType.float32));
    h = sides.post;
  }
  outputs.addTopK(h);
  return { savedModel: g.savedModel({}), feeds, tensors: outputs.tensors, halves: outputs.halves };
}

/** The bytes of the images. */
export function pixels(g: GraphBuilder, { inputSize }: Architecture): Node {
  const shape = [-1, inputSize, inputSize, INPUT_CHANNELS];
  return g.node('Placeholder', IMAGE, [], { dtype: { type: DType.uint8 }, shape: { shape } });
}

export function paddings(g: GraphBuilder): Node {
  return g.node('Placeholder', PADDINGS, [], { dtype: { type: DType.int32 }, shape: { shape: [2, 2] } });
}

/**
 * What is taken from the bytes of each channel of an image, and what the difference is multiplied by, in RGB order:
 * (x / divisor - mean) / std.
 */
export function normalisation(preset: Preset): { readonly mean: readonly number[]; readonly scale: readonly number[] } {
  const rgb = (values: readonly number[]) => (preset.channels === 'BGR' ? [...values].reverse() : values);
  return {
    mean: rgb(preset.mean.map((m) => m * preset.divisor)),
    scale: rgb(preset.std.map((s) => 1 / (s * preset.divisor))),
  };
}

/** Bytes to activations, in float32 and in RGB order. */
function normalised(g: GraphBuilder, preset: Preset, image: Node, dtype: DType): Node {
  const { mean, scale } = normalisation(preset);
  const float = { T: { type: DType.float32 } };
  const x = cast(g, 'image/float', image, DType.uint8, DType.float32);
  const centred = g.node('Sub', 'image/centred', [x, g.constant('mean', DType.float32, mean)], float);
  const scaled = g.node('Mul', 'image/normalised', [centred, g.constant('scale', DType.float32, scale)], float);
  return cast(g, 'image/activations', scaled, DType.float32, dtype);
}

/** Rounded to 0, range / 255, …, range. */
function rounded(g: GraphBuilder, name: string, x: Node, range: number): Node {
  return g.node('FakeQuantWithMinMaxArgs', `${name}/rounded`, [x], {
    min: { float: 0 },
    max: { float: range },
    num_bits: { int: 8 },
    narrow_range: { flag: false },
  });
}

/**
 * VGG-16 in int8: the same forward pass as vgg.ts in TensorFlow's quantised convolutions, which oneDNN computes with VNNI or
 * AMX instructions. Weights are int8 with one scale an output channel, activations uint8 with one range a layer, sums int32.
 * The last layer stays in float32.
 *
 * - A dense layer is a 1x1 convolution over a picture of N x 1 positions, because TensorFlow's quantised matrix product
 *   knows one scale for all of its outputs.
 * - The pixels are bytes already: their normalisation is in the kernel and the bias of the first layer. What lies outside
 *   the image is zero after normalisation, so it is the mean before it.
 */

import { ADVICE, usageError } from '../../errors.js';
import { INPUT_CHANNELS, weightLayersOf } from '../architecture.js';
import { layersFor } from '../needed-layers.js';
import { beforeRelu } from '../output-request.js';
import { DType, GraphBuilder, type Node, reshape } from './builder.js';
import { type Feed, mappedBytes } from './feed.js';
import { addRows, logits, type Sides } from './layers.js';
import { OutputCollector } from './outputs.js';
import {
  asQuantized,
  dequantized,
  MAX_ACTIVATION,
  type Quantized,
  type QuantizedConvolution,
  quantizedConvolution,
  quantizedMaxPool,
} from './quantized-nodes.js';
import { byteKernel, layerBias, layerVariables } from './variables.js';
import { type CompiledGraph, type GraphSpec, normalisation, paddings, pixels } from './vgg.js';

export interface Int8GraphSpec extends GraphSpec {
  /** One a layer but fc8: what its activations end at, and what one step of each output channel's weights is worth. */
  readonly steps: Readonly<Record<string, { readonly range: number; readonly scale: readonly number[] }>>;
  /** The first layer on bytes. */
  readonly first: FirstLayer;
}

/** The first layer with the normalisation of the pixels in it; its scales are for bytes. */
export interface FirstLayer {
  /** int8 [3, 3, 3, out], input channels in RGB order. */
  readonly kernel: readonly number[];
  readonly bias: readonly number[];
}

/** Compiles the graph. Throws MODEL_INVALID when an output names no layer of the architecture. */
export function compileInt8Graph(spec: Int8GraphSpec): CompiledGraph {
  const g = new GraphBuilder();
  const { architecture, preset, stored, mapped } = spec;
  const before = spec.outputs.find(beforeRelu);
  if (before !== undefined) {
    throw usageError(
      `Expected int8 activations after the ReLU but received a request for ${before.layer} before it: int8 computes both at once.`,
      ADVICE.useF32,
    );
  }
  const outputs = new OutputCollector(g, spec.outputs);
  const feeds: Feed[] = [];
  const more = paddings(g);
  const file = mapped === undefined ? undefined : mappedBytes(g, mapped);
  const zero = g.constant('zero', DType.float32, 0);

  let h: Quantized = input(g, spec, zero); // [N, size + 2, size + 2, 3]
  let last: Node | undefined;
  for (const layer of layersFor(architecture, spec.outputs)) {
    const { name } = layer;
    if (name === FIRST) {
      h = convolution(name, { x: h, ...firstLayer(g, spec), padding: 'VALID' }); // [N, size, size, width]
    } else if (layer.kind === 'conv') {
      h = convolution(name, { x: h, ...weights(name), padding: 'SAME' }); // [N, size, size, width]
    } else if (layer.kind === 'pool') {
      h = quantizedMaxPool(g, name, h); // [N, size / 2, size / 2, width]
    } else if (name === 'fc6' || name === 'fc7') {
      const inputs = layer.inputShape[0] ?? 0;
      const x = { ...h, node: reshape(g, `${name}/rows`, h.node, [1, -1, 1, inputs], DType.quint8) }; // [1, N, 1, inputs]
      h = convolution(name, { x, ...weights(name), padding: 'VALID' }); // [1, N, 1, 4096]
    } else {
      const variables = layerVariables(g, { layer: name, dtype: DType.float32, architecture, preset, stored, file });
      feeds.push(...variables.feeds);
      const float = dequantized(g, `${name}/float`, h);
      const x = reshape(g, `${name}/rows`, float, [-1, layer.inputShape[0] ?? 0], DType.float32); // [N, 4096]
      const padded = addRows(g, `${name}/padded`, x, more, DType.float32); // [N + P, 4096]
      const sides: Sides = logits(g, { ...variables, name, dtype: DType.float32 }, padded); // [N + P, classes]
      outputs.add(layer, sides, (logit) => logit);
      last = sides.post;
      continue;
    }
    const { node } = h;
    const shape = [-1, ...layer.outputShape];
    const float = () => reshape(g, `${name}/positions`, dequantized(g, `${name}/float`, h), shape, DType.float32);
    outputs.add(layer, { pre: node, post: node }, float);
  }
  if (last !== undefined) outputs.addTopK(last);
  return { savedModel: g.savedModel({}), feeds, tensors: outputs.tensors, halves: outputs.halves };

  function convolution(
    name: string,
    layer: Pick<QuantizedConvolution, 'x' | 'kernel' | 'bias' | 'padding'>,
  ): Quantized {
    const step = spec.steps[name];
    if (step === undefined) throw new Error(`Expected the range of ${name} but received none.`);
    const range = g.constant(`${name}/range`, DType.float32, step.range);
    return quantizedConvolution(g, name, { ...layer, scale: step.scale, zero, range });
  }

  /** The kernel of a layer as a convolution's, and its bias. */
  function weights(name: string): { readonly kernel: Node; readonly bias: Node } {
    const shape = weightLayersOf(architecture).find((each) => each.name === name)?.kernelShape ?? [];
    const kernel = byteKernel(g, { layer: name, stored, file }, shape.length === 2 ? [1, 1, ...shape] : shape);
    const bias = layerBias(g, { layer: name, dtype: DType.float32, architecture, preset, stored, file });
    feeds.push(kernel.feed, bias.feed);
    return { kernel: kernel.read, bias: bias.read };
  }
}

const FIRST = 'conv1_1';

/** Bytes with one more pixel, of the mean, on each side: [N, size + 2, size + 2, 3]. */
function input(g: GraphBuilder, { architecture, preset }: Int8GraphSpec, zero: Node): Quantized {
  const { mean } = normalisation(preset);
  const outside = mean.map((value) => Math.min(MAX_ACTIVATION, Math.max(0, Math.round(value))));
  const colour = g.constant('image/outside', DType.uint8, outside);
  const image = pixels(g, architecture);
  const rows = framed(g, 'image/rows', image, colour, 1);
  const all = framed(g, 'image/columns', rows, colour, 2);
  const max = g.constant('image/max', DType.float32, MAX_ACTIVATION);
  return { node: asQuantized(g, 'image/quantized', all, 'uint8'), min: zero, max };
}

/** `x` between two lines of one colour, [3], along an axis. */
function framed(g: GraphBuilder, name: string, x: Node, colour: Node, axis: 1 | 2): Node {
  const uint8 = { T: { type: DType.uint8 } };
  const begin = g.constant(`${name}/begin`, DType.int32, [0, 0, 0, 0]);
  const size = g.constant(`${name}/size`, DType.int32, axis === 1 ? [-1, 1, -1, -1] : [-1, -1, 1, -1]);
  const line = g.node('Slice', `${name}/line`, [x, begin, size], { ...uint8, Index: { type: DType.int32 } });
  const zeros = g.node('ZerosLike', `${name}/zeros`, [line], uint8);
  const edge = g.node('AddV2', `${name}/edge`, [zeros, colour], uint8);
  const along = g.constant(`${name}/axis`, DType.int32, axis);
  return g.node('ConcatV2', name, [edge, x, edge, along], {
    ...uint8,
    N: { int: 3 },
    Tidx: { type: DType.int32 },
  });
}

function firstLayer(g: GraphBuilder, { architecture, first }: Int8GraphSpec): { kernel: Node; bias: Node } {
  const width = architecture.convolutions[0]?.[0] ?? 0;
  const integers = g.constant(`${FIRST}/integers`, DType.int8, first.kernel);
  const shaped = reshape(g, `${FIRST}/hwio`, integers, [3, 3, INPUT_CHANNELS, width], DType.int8);
  return {
    kernel: asQuantized(g, `${FIRST}/kernel`, shaped, 'int8'),
    bias: g.constant(`${FIRST}/bias`, DType.float32, first.bias),
  };
}

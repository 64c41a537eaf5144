/**
 * VGG-16 as a TensorFlow graph, compiled for exactly the outputs that a run asks for.
 *
 * The forward pass follows Simonyan and Zisserman (2014), configuration D. Weights are variables, never constants:
 * with constants TensorFlow folds 553 MB at the first run (26-30 s). Pixels go in as bytes, and normalisation, softmax
 * and top-k happen in the graph, so no loop in JavaScript ever touches a pixel or a weight.
 */

import { type Architecture, INPUT_CHANNELS, type Layer, layersOf } from '../architecture.js';
import { findLayer } from '../layer-names.js';
import type { OutputRequest } from '../output-request.js';
import type { Preset } from '../preset.js';
import type { WeightLayout, Weights } from '../tensors.js';
import { cast, DType, GraphBuilder, type Node, reshape } from './builder.js';
import { layerOutput } from './layer-output.js';
import { convolution, dense, logits, maxPool, type Sides, type WeightedLayer } from './layers.js';
import { groupFeeds, type Load, loadSignature } from './loads.js';
import { type Feed, layerVariables } from './variables.js';

export type { OutputRequest } from '../output-request.js';

/** Type of the activations and of all weights but the last layer's. */
export type Precision = 'f32' | 'bf16';

export interface CompiledGraph {
  /** The bytes of a `saved_model.pb` (tens of kilobytes: it holds no weights). */
  readonly savedModel: Uint8Array;
  /** How the weights of the layers that the outputs need come in; the others are not in the graph. */
  readonly loads: readonly Load[];
  /** Row shapes of the outputs that are float16, as `unpackHalves` reads them. */
  readonly halves: Readonly<Record<string, readonly number[]>>;
  /** Elements of one image in the int32 input (four bytes of pixels each). */
  readonly wordsPerImage: number;
}

/**
 * The signature that runs the network: `image` int32 [N, wordsPerImage] and `paddings` in, the requested outputs out.
 * `paddings` int32 [2, 2] is [[0, P], [0, 0]]: the dense layers get P rows of zeros behind the batch, and the outputs of
 * fc6, fc7, fc8 and top_k have N + P rows.
 */
export const RUN_SIGNATURE = 'run';

const ACTIVATION: Readonly<Record<Precision, DType>> = { f32: DType.float32, bf16: DType.bfloat16 };

/** Everything that the shape of the graph depends on. */
export interface GraphSpec {
  readonly architecture: Architecture;
  readonly preset: Preset;
  readonly precision: Precision;
  readonly outputs: readonly OutputRequest[];
  /** Axis order of each layer's kernel where it is read from. */
  readonly layouts: Readonly<Record<string, WeightLayout>>;
}

/** The axis order of each layer's kernel in `weights`. */
export function layoutsOf(weights: Weights): Record<string, WeightLayout> {
  return Object.fromEntries(Object.entries(weights).map(([layer, { layout }]) => [layer, layout]));
}

/** Compiles the graph. Throws MODEL_INVALID when an output names no layer of the architecture. */
export function compileGraph(spec: GraphSpec): CompiledGraph {
  return new VggCompiler(spec).compile();
}

class VggCompiler {
  readonly #g = new GraphBuilder();
  readonly #paddings = this.#g.node('Placeholder', 'paddings', [], {
    dtype: { type: DType.int32 },
    shape: { shape: [2, 2] },
  });
  readonly #spec: GraphSpec;
  readonly #dtype: DType;
  readonly #feeds: Feed[] = [];
  readonly #outputs: Record<string, { node: Node; output?: number; dtype: DType }> = {};
  readonly #halves: Record<string, readonly number[]> = {};

  constructor(spec: GraphSpec) {
    this.#spec = spec;
    this.#dtype = ACTIVATION[spec.precision];
  }

  compile(): CompiledGraph {
    const { architecture, outputs } = this.#spec;
    const wanted = outputs.map(
      (output) => findLayer(architecture, output.kind === 'layer' ? output.layer : 'fc8').name,
    );
    const layers = layersOf(architecture);
    const last = layers.findLastIndex(({ name }) => wanted.includes(name));
    const { image, normalised, words } = this.#input();

    let h = normalised; // [N, size, size, 3]
    for (const layer of layers.slice(0, last + 1)) {
      let sides: Sides;
      if (layer.kind === 'conv') {
        sides = convolution(this.#g, this.#layer(layer.name), h); // [N, size, size, width]
      } else if (layer.kind === 'pool') {
        sides = maxPool(this.#g, layer.name, h, this.#dtype); // [N, size / 2, size / 2, width]
      } else if (layer.name === 'fc6') {
        h = reshape(this.#g, 'flatten', h, [-1, layer.inputShape[0] ?? 0], this.#dtype); // [N, h * w * c]
        h = this.#addRows(h); // [N + P, h * w * c]
        sides = dense(this.#g, this.#layer(layer.name), h); // [N + P, 4096]
      } else if (layer.name === 'fc7') {
        sides = dense(this.#g, this.#layer(layer.name), h); // [N + P, 4096]
      } else {
        // The last layer is 0.03 % of the work and its output is what people read: float32 at every precision.
        h = cast(this.#g, `${layer.name}/input`, h, this.#dtype, DType.float32);
        sides = logits(this.#g, this.#layer(layer.name, DType.float32), h); // [N + P, classes]
      }
      this.#requested(layer, sides);
      h = sides.post;
    }
    const topK = outputs.find((output) => output.kind === 'top_k');
    if (topK !== undefined) this.#topK(h, topK.k);

    const loads = groupFeeds(this.#feeds);
    const signatures = {
      [RUN_SIGNATURE]: {
        inputs: { image: { node: image, dtype: DType.int32 }, paddings: { node: this.#paddings, dtype: DType.int32 } },
        outputs: this.#outputs,
      },
      ...Object.fromEntries(loads.map(({ signature, feeds }) => [signature, loadSignature(feeds)])),
    };
    const savedModel = this.#g.savedModel(signatures);
    return { savedModel, loads, halves: this.#halves, wordsPerImage: words };
  }

  /** Makes an output of a layer if there is a request for it. */
  #requested(layer: Layer, sides: Sides): void {
    const { name } = layer;
    const requests = this.#spec.outputs.filter((output) => output.kind === 'layer' && output.layer === name);
    if (requests.length > 1) throw new Error(`Expected one request for ${name} but received ${requests.length}.`);
    const [request] = requests;
    if (request?.kind !== 'layer') return;
    const dtype = name === 'fc8' ? DType.float32 : this.#dtype;
    const activations = sides[request.activation ?? 'post'];
    const x = cast(this.#g, `${name}/float`, activations, dtype, DType.float32); // [N, …output shape]
    const { node, half } = layerOutput(this.#g, request, layer, x);
    this.#outputs[name] = { node, dtype: half === undefined ? DType.float32 : DType.int32 };
    if (half !== undefined) this.#halves[name] = half;
  }

  /** Bytes to normalised activations: (x / divisor - mean) / std, in float32 and in RGB order. */
  #input(): { image: Node; normalised: Node; words: number } {
    const { architecture, preset } = this.#spec;
    const g = this.#g;
    const size = architecture.inputSize;
    const words = (size * size * INPUT_CHANNELS) / 4;
    const image = g.node('Placeholder', 'image', [], { dtype: { type: DType.int32 }, shape: { shape: [-1, words] } });
    const bytes = g.node('Bitcast', 'image/bytes', [image], { T: { type: DType.int32 }, type: { type: DType.uint8 } });
    const nhwc = reshape(this.#g, 'image/nhwc', bytes, [-1, size, size, INPUT_CHANNELS], DType.uint8);
    const x = cast(this.#g, 'image/float', nhwc, DType.uint8, DType.float32);

    const rgb = (values: readonly number[]) => (preset.channels === 'BGR' ? [...values].reverse() : values);
    const float = { T: { type: DType.float32 } };
    const mean = g.constant('mean', DType.float32, rgb(preset.mean.map((m) => m * preset.divisor)));
    const scale = g.constant('scale', DType.float32, rgb(preset.std.map((s) => 1 / (s * preset.divisor))));
    const centred = g.node('Sub', 'image/centred', [x, mean], float);
    const normalised = g.node('Mul', 'image/normalised', [centred, scale], float);
    return { image, normalised: cast(this.#g, 'image/activations', normalised, DType.float32, this.#dtype), words };
  }

  /** Adds the rows of zeros that `paddings` says. */
  #addRows(x: Node): Node {
    const types = { T: { type: this.#dtype }, Tpaddings: { type: DType.int32 } };
    return this.#g.node('Pad', 'flatten/padded', [x, this.#paddings], types);
  }

  /** The k best classes. Softmax keeps the order, so the sorted probabilities belong to the sorted logits. */
  #topK(logits: Node, k: number): void {
    const float = { T: { type: DType.float32 } };
    const count = this.#g.constant('top_k/k', DType.int32, k);
    const softmax = this.#g.node('Softmax', 'softmax', [logits], float);
    const best = this.#g.node('TopKV2', 'top_k/logits', [logits, count], float);
    const probabilities = this.#g.node('TopKV2', 'top_k/probabilities', [softmax, count], float);
    this.#outputs['top_k/logits'] = { node: best, dtype: DType.float32 };
    this.#outputs['top_k/classes'] = { node: best, output: 1, dtype: DType.int32 };
    this.#outputs['top_k/probabilities'] = { node: probabilities, dtype: DType.float32 };
  }

  /** A layer with its variables; their feeds are collected for the signatures that load them. */
  #layer(name: string, dtype = this.#dtype): WeightedLayer {
    const { architecture, preset, layouts } = this.#spec;
    const { kernel, bias, feeds } = layerVariables(this.#g, { layer: name, dtype, architecture, preset, layouts });
    this.#feeds.push(...feeds);
    return { name, kernel, bias, dtype };
  }
}

/**
 * VGG-16 as a TensorFlow graph, compiled for exactly the outputs that a run asks for.
 *
 * The forward pass follows Simonyan and Zisserman (2014), configuration D. Weights are variables, never constants:
 * with constants TensorFlow folds 553 MB at the first run (26-30 s). Pixels go in as bytes, and normalisation, softmax
 * and top-k happen in the graph, so no loop in JavaScript ever touches a pixel or a weight.
 */

import { type Architecture, INPUT_CHANNELS, layersOf } from '../architecture.js';
import type { Preset } from '../preset.js';
import type { WeightLayout, Weights } from '../tensors.js';
import { cast, DType, GraphBuilder, type Node, reshape, type Signature } from './builder.js';
import { type Feed, layerVariables } from './variables.js';

/** Type of the activations and of all weights but the last layer's. */
export type Precision = 'f32' | 'bf16';

/** What a run reads from the network. */
export type OutputRequest =
  /** Best classes: `top_k/classes` int32, `top_k/logits` and `top_k/probabilities` float32, each [N, k]. */
  | { readonly kind: 'top_k'; readonly k: number }
  /** One layer's activations after its ReLU (fc8: the logits), float32 [N, …output shape], under the layer's name. */
  | { readonly kind: 'layer'; readonly layer: string };

/** A signature that fills some variables: their feeds in, for each an int32 out that is 1 when all was finite. */
export interface Load {
  readonly signature: string;
  readonly feeds: readonly Feed[];
}

export interface CompiledGraph {
  /** The bytes of a `saved_model.pb` (tens of kilobytes: it holds no weights). */
  readonly savedModel: Uint8Array;
  /** How the weights of the layers that the outputs need come in; the others are not in the graph. */
  readonly loads: readonly Load[];
  /** Elements of one image in the int32 input (four bytes of pixels each). */
  readonly wordsPerImage: number;
}

/** The signature that runs the network: `image` int32 [N, wordsPerImage] in, the requested outputs out. */
export const RUN_SIGNATURE = 'run';

/** Float32 values that one signature loads at most, if it loads more than one tensor: 128 MiB. */
const MAX_GROUP_ELEMENTS = 2 ** 25;

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
  return Object.fromEntries(
    Object.entries(weights).map(([layer, { kernel }]) => [
      layer,
      kernel.kind === 'file' ? kernel.layout : 'tensorflow',
    ]),
  );
}

/** Compiles the graph. Throws when an output names no layer of the architecture. */
export function compileGraph(spec: GraphSpec): CompiledGraph {
  return new VggCompiler(spec).compile();
}

class VggCompiler {
  readonly #g = new GraphBuilder();
  readonly #spec: GraphSpec;
  readonly #dtype: DType;
  readonly #feeds: Feed[] = [];
  readonly #outputs: Record<string, { node: Node; output?: number; dtype: DType }> = {};

  constructor(spec: GraphSpec) {
    this.#spec = spec;
    this.#dtype = ACTIVATION[spec.precision];
  }

  compile(): CompiledGraph {
    const { architecture, outputs } = this.#spec;
    const layers = layersOf(architecture);
    const wanted = new Set(outputs.map((output) => (output.kind === 'layer' ? output.layer : 'fc8')));
    for (const name of wanted) {
      if (!layers.some((layer) => layer.name === name)) {
        throw new Error(`Expected a layer of the network but received ${name}.`);
      }
    }
    const last = layers.findLastIndex((layer) => wanted.has(layer.name));
    const { image, normalised, words } = this.#input();

    let h = normalised; // [N, size, size, 3]
    for (const layer of layers.slice(0, last + 1)) {
      if (layer.kind === 'conv') {
        h = this.#convolution(layer.name, h); // [N, size, size, width]
      } else if (layer.kind === 'pool') {
        h = this.#maxPool(layer.name, h); // [N, size / 2, size / 2, width]
      } else if (layer.name === 'fc6') {
        h = reshape(this.#g, 'flatten', h, [-1, layer.inputShape[0] ?? 0], this.#dtype); // [N, h * w * c]
        h = this.#addRow(h); // [N + 1, h * w * c]
        h = this.#dense(layer.name, h, this.#dtype); // [N + 1, 4096]
      } else if (layer.name === 'fc7') {
        h = this.#dense(layer.name, h, this.#dtype); // [N + 1, 4096]
      } else {
        // The last layer is 0.03 % of the work and its output is what people read: float32 at every precision.
        h = this.#logits(layer.name, cast(this.#g, `${layer.name}/input`, h, this.#dtype, DType.float32)); // [N + 1, classes]
      }
      if (outputs.some((output) => output.kind === 'layer' && output.layer === layer.name)) {
        const dtype = layer.name === 'fc8' ? DType.float32 : this.#dtype;
        const rows = layer.kind === 'fc' ? this.#dropRow(`${layer.name}/rows`, h, dtype) : h;
        this.#outputs[layer.name] = {
          node: cast(this.#g, `${layer.name}/output`, rows, dtype, DType.float32),
          dtype: DType.float32,
        };
      }
    }
    const topK = outputs.find((output) => output.kind === 'top_k');
    if (topK !== undefined) this.#topK(this.#dropRow('logits', h, DType.float32), topK.k);

    const loads = groupFeeds(this.#feeds);
    const signatures = {
      [RUN_SIGNATURE]: { inputs: { image: { node: image, dtype: DType.int32 } }, outputs: this.#outputs },
      ...Object.fromEntries(loads.map(({ signature, feeds }) => [signature, loadSignature(feeds)])),
    };
    return { savedModel: this.#g.savedModel(signatures), loads, wordsPerImage: words };
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

  #convolution(name: string, x: Node): Node {
    const { kernel, bias } = this.#variables(name, this.#dtype);
    const y = this.#g.node('Conv2D', name, [x, kernel], {
      T: { type: this.#dtype },
      strides: { ints: [1, 1, 1, 1] },
      padding: { text: 'SAME' },
      data_format: { text: 'NHWC' },
    });
    return this.#biasRelu(name, y, bias, this.#dtype);
  }

  #maxPool(name: string, x: Node): Node {
    return this.#g.node('MaxPool', name, [x], {
      T: { type: this.#dtype },
      ksize: { ints: [1, 2, 2, 1] },
      strides: { ints: [1, 2, 2, 1] },
      padding: { text: 'VALID' },
    });
  }

  #dense(name: string, x: Node, dtype: DType): Node {
    const { kernel, bias } = this.#variables(name, dtype);
    return this.#biasRelu(name, this.#g.node('MatMul', name, [x, kernel], { T: { type: dtype } }), bias, dtype);
  }

  /**
   * Adds a row of zeros. A product with a single row runs in another kernel, which sums in another order: with a row
   * more an image's result has the same bits alone and in any batch.
   */
  #addRow(x: Node): Node {
    const paddings = this.#g.matrix('flatten/paddings', [
      [0, 1],
      [0, 0],
    ]);
    return this.#g.node('Pad', 'flatten/padded', [x, paddings], {
      T: { type: this.#dtype },
      Tpaddings: { type: DType.int32 },
    });
  }

  /** All rows but the last. */
  #dropRow(name: string, x: Node, dtype: DType): Node {
    const [begin, end, strides] = [[0], [-1], [1]].map((values, i) =>
      this.#g.constant(`${name}/${['begin', 'end', 'strides'][i]}`, DType.int32, values),
    ) as [Node, Node, Node];
    return this.#g.node('StridedSlice', name, [x, begin, end, strides], {
      T: { type: dtype },
      Index: { type: DType.int32 },
      ...Object.fromEntries(
        ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'].map((mask) => [
          mask,
          { int: 0 },
        ]),
      ),
    });
  }

  /** A dense layer without ReLU. */
  #logits(name: string, x: Node): Node {
    const float = { T: { type: DType.float32 } };
    const { kernel, bias } = this.#variables(name, DType.float32);
    return this.#g.node('BiasAdd', `${name}/BiasAdd`, [this.#g.node('MatMul', name, [x, kernel], float), bias], float);
  }

  #biasRelu(name: string, y: Node, bias: Node, dtype: DType): Node {
    const type = { T: { type: dtype } };
    return this.#g.node('Relu', `${name}/Relu`, [this.#g.node('BiasAdd', `${name}/BiasAdd`, [y, bias], type)], type);
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

  /** A layer's variables; their feeds are collected for the signatures that load them. */
  #variables(layer: string, dtype: DType): { kernel: Node; bias: Node } {
    const { architecture, preset, layouts } = this.#spec;
    const { kernel, bias, feeds } = layerVariables(this.#g, { layer, dtype, architecture, preset, layouts });
    this.#feeds.push(...feeds);
    return { kernel, bias };
  }
}

/**
 * Feeds that go in together: opening a signature costs 10 ms, and what is fed together is in memory twice at the same
 * time. Largest first, because reading the first overlaps the start of TensorFlow.
 */
function groupFeeds(feeds: readonly Feed[]): Load[] {
  const groups: { elements: number; feeds: Feed[] }[] = [];
  for (const feed of feeds) {
    const elements = feed.shape.reduce((product, size) => product * size, 1);
    const last = groups.at(-1);
    if (last !== undefined && last.elements + elements <= MAX_GROUP_ELEMENTS) {
      last.elements += elements;
      last.feeds.push(feed);
    } else {
      groups.push({ elements, feeds: [feed] });
    }
  }
  groups.sort((a, b) => b.elements - a.elements);
  return groups.map((group, i) => ({ signature: `load_${i}`, feeds: group.feeds }));
}

function loadSignature(feeds: readonly Feed[]): Signature {
  return {
    inputs: Object.fromEntries(feeds.map(({ name, value }) => [name, { node: value, dtype: DType.float32 }])),
    outputs: Object.fromEntries(feeds.map(({ name, finite }) => [name, { node: finite, dtype: DType.int32 }])),
  };
}

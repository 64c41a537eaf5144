/**
 * The graph of an exported SavedModel: VGG-16 on pixels or on encoded images, its preparation of images in the graph,
 * its weights in variables by Keras's names.
 */

import { type Architecture, INPUT_CHANNELS, type Layer, layersOf } from '../../network/architecture.js';
import type { ModelCard } from '../../network/card.js';
import {
  cast,
  DType,
  GraphBuilder,
  type Node,
  reshape,
  type Signature,
  type SignatureTensor,
} from '../../network/graph/builder.js';
import { convolution, dense, logits, maxPool, type WeightedLayer } from '../../network/graph/layers.js';
import { saver, type Variable, variableNodes } from '../../network/graph/saver.js';
import type { WeightPart } from '../../network/tensors.js';
import { kerasName } from '../keras/layer-names.js';
import { messageTypes } from '../shared/protobuf.js';
import { DECODE, decodeFunction } from './write-image-decoder.js';

/** Signatures, by the names that TensorFlow Serving's clients give. */
export const SERVING_PIXELS = 'serving_default';
export const SERVING_BYTES = 'serving_bytes';

const FLOAT = { T: { type: DType.float32 } };

/** The checkpoint's name of a layer's weights. */
export function variableName(layer: string, part: WeightPart): string {
  return `${kerasName(layer)}/${part}`;
}

/** The bytes of `saved_model.pb`. `outputs`: layers by the paper's names; `dtype`: of the variables. */
export function servingGraph(
  { architecture, preset }: ModelCard,
  outputs: readonly string[],
  dtype: DType,
): Uint8Array {
  const g = new GraphBuilder();
  const size = architecture.inputSize;
  const network = new Network(g, architecture, dtype);
  const sides = [-1, size, size, INPUT_CHANNELS];
  const image = g.node('Placeholder', 'image', [], { dtype: { type: DType.float32 }, shape: { shape: sides } });
  const bytes = g.node('Placeholder', 'image_bytes', [], { dtype: { type: DType.string }, shape: { shape: [-1] } });
  g.define(decodeFunction(preset));
  const decoded = g.node('MapDefun', 'decoded', [bytes], {
    Targuments: { types: [DType.string] },
    Tcaptured: { types: [] },
    output_types: { types: [DType.float32] },
    output_shapes: { shapes: [sides.slice(1)] },
    f: { called: DECODE },
    max_intra_op_parallelism: { int: 0 },
  });
  const signatures: Readonly<Record<string, Signature>> = {
    [SERVING_PIXELS]: {
      inputs: { image: { node: image, dtype: DType.float32, shape: sides } },
      outputs: network.outputs('pixels', prepared(g, 'pixels', image, preset), outputs),
    },
    [SERVING_BYTES]: {
      inputs: { image_bytes: { node: bytes, dtype: DType.string, shape: [-1] } },
      outputs: network.outputs('bytes', prepared(g, 'bytes', decoded, preset), outputs),
    },
  };
  const { variables } = network;
  return g.savedModel(signatures, { saver: saver(g, variables), variables: variables.map(variableMessage) });
}

/** [N, S, S, 3], RGB from 0 to 255, to what the first convolution reads. */
function prepared(
  g: GraphBuilder,
  name: string,
  image: Node,
  { channels, divisor, mean, std }: ModelCard['preset'],
): Node {
  let x = image;
  if (channels === 'BGR') {
    const axis = g.constant(`${name}/bgr/axis`, DType.int32, [3]);
    x = g.node('ReverseV2', `${name}/bgr`, [x, axis], { ...FLOAT, Tidx: { type: DType.int32 } });
  }
  const centre = g.constant(
    `${name}/mean`,
    DType.float32,
    mean.map((value) => value * divisor),
  );
  const scale = g.constant(
    `${name}/scale`,
    DType.float32,
    std.map((value) => 1 / (value * divisor)),
  );
  const centred = g.node('Sub', `${name}/centred`, [x, centre], FLOAT);
  return g.node('Mul', `${name}/prepared`, [centred, scale], FLOAT);
}

/** The layers, once for each signature; the variables are shared. */
class Network {
  readonly variables: Variable[] = [];
  readonly #weights = new Map<string, Pick<WeightedLayer, 'kernel' | 'bias'>>();

  constructor(
    readonly g: GraphBuilder,
    readonly architecture: Architecture,
    readonly dtype: DType,
  ) {
    for (const { name, kernelShape } of layersOf(architecture)) {
      if (kernelShape === undefined) continue;
      const kernel = this.#variable(name, 'kernel', kernelShape);
      this.#weights.set(name, { kernel, bias: this.#variable(name, 'bias', kernelShape.slice(-1)) });
    }
  }

  /** All outputs of one signature; `x` is [N, S, S, 3]. Names of nodes begin with `scope`. */
  outputs(scope: string, x: Node, wanted: readonly string[]): Readonly<Record<string, SignatureTensor>> {
    const { g } = this;
    const given: Record<string, SignatureTensor> = {};
    const give = (name: string, node: Node, shape: readonly number[]) => {
      given[name] = { node, dtype: DType.float32, shape: [-1, ...shape] };
    };
    let h = x;
    for (const layer of layersOf(this.architecture)) {
      h = this.#layer(scope, layer, h);
      if (layer.name !== 'fc8') {
        if (wanted.includes(layer.name)) give(layer.name, h, layer.outputShape);
        continue;
      }
      give('logits', h, layer.outputShape);
      give('probabilities', g.node('Softmax', `${scope}/probabilities`, [h], FLOAT), layer.outputShape);
    }
    return given;
  }

  #layer(scope: string, { name, kind, inputShape }: Layer, x: Node): Node {
    const { g } = this;
    const node = `${scope}/${kerasName(name)}`;
    if (kind === 'pool') return maxPool(g, node, x, DType.float32).post;
    const weights = this.#weights.get(name) as Pick<WeightedLayer, 'kernel' | 'bias'>;
    const layer = { name: node, ...weights, dtype: DType.float32 };
    if (kind === 'conv') return convolution(g, layer, x).post;
    const flat = name === 'fc6' ? reshape(g, `${scope}/flatten`, x, [-1, inputShape[0] ?? 0], DType.float32) : x;
    return name === 'fc8' ? logits(g, layer, flat).post : dense(g, layer, flat).post;
  }

  /** Adds a variable and returns the node that reads it as float32. */
  #variable(layer: string, part: WeightPart, shape: readonly number[]): Node {
    const { g, dtype } = this;
    const name = variableName(layer, part);
    const { handle, read } = variableNodes(g, name, dtype, shape);
    this.variables.push({ name, handle, read, dtype });
    return cast(g, `${name}/float`, read, dtype, DType.float32);
  }
}

/** tensorflow/core/framework/variable.proto */
const types = messageTypes({
  VariableDef: {
    variableName: [1, 'string'],
    initializerName: [2, 'string'],
    snapshotName: [3, 'string'],
    isResource: [5, 'bool'],
    trainable: [7, 'bool'],
  },
});

/** By which TensorFlow's Python finds the variable, as it does for graphs that it has built itself. */
function variableMessage({ handle, read }: Variable): Uint8Array {
  return types.VariableDef.encode({
    variableName: `${handle}:0`,
    initializerName: `${handle}/assign`,
    snapshotName: `${read}:0`,
    isResource: true,
    trainable: true,
  }).finish();
}

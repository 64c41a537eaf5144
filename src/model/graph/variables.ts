/**
 * The weights of one layer as TensorFlow variables, and the feeds that fill them. A kernel is fed in the axis order
 * of its file; the graph transposes it, so no loop in JavaScript touches a weight.
 */

import { type Architecture, layersOf, weightLayersOf } from '../architecture.js';
import { isOutputFirst } from '../infer.js';
import type { Preset } from '../preset.js';
import type { WeightLayout } from '../tensors.js';
import { cast, DType, type GraphBuilder, type Node, reshape } from './builder.js';

/** One tensor as it is fed: float32, in the axis order of its source. */
export interface Feed {
  /** `conv1_1/kernel`: the feed's name in its signature, and that of the answer, int32 1 when all values are finite. */
  readonly name: string;
  readonly layer: string;
  readonly part: 'kernel' | 'bias';
  readonly shape: readonly number[];
  /** Takes the values. */
  readonly value: Node;
  /** Gives the answer, once the variable is assigned. */
  readonly finite: Node;
}

export interface LayerSpec {
  /** A layer with weights, by the paper's name. */
  readonly layer: string;
  /** Type that the variables are kept in. */
  readonly dtype: DType;
  readonly architecture: Architecture;
  readonly preset: Preset;
  readonly layouts: Readonly<Record<string, WeightLayout>>;
}

export interface LayerVariables {
  /** Nodes that read the variables: kernel [h, w, in, out] or [in, out], bias [out]. */
  readonly kernel: Node;
  readonly bias: Node;
  readonly feeds: readonly Feed[];
}

/** Adds a layer's kernel and bias to the graph. */
export function layerVariables(g: GraphBuilder, spec: LayerSpec): LayerVariables {
  const { layer, dtype } = spec;
  const shape = weightLayersOf(spec.architecture).find(({ name }) => name === layer)?.kernelShape;
  if (shape === undefined) throw new Error(`Expected a layer with weights but received ${layer}.`);
  const units = shape.at(-1) ?? 0;
  const kernel = variable(g, layer, 'kernel', dtype, shape, kernelSource(spec, shape));
  const bias = variable(g, layer, 'bias', dtype, [units], { shape: [units], order: (_, value) => value });
  return { kernel: kernel.read, bias: bias.read, feeds: [kernel.feed, bias.feed] };
}

/** The shape of a tensor in its file, and the nodes that bring it into TensorFlow's order. */
interface Source {
  readonly shape: readonly number[];
  readonly order: (g: GraphBuilder, value: Node) => Node;
}

function kernelSource({ layer, architecture, preset, layouts }: LayerSpec, shape: readonly number[]): Source {
  const layout = layouts[layer];
  if (layout === undefined) throw new Error(`Expected a weight layout for ${layer} but received none.`);
  const name = `${layer}/kernel`;
  const inOrder = sourceInOrder(name, layout, poolShape(layer, architecture), shape);
  if (preset.channels === 'RGB' || layer !== layersOf(architecture)[0]?.name) return inOrder;
  // Pixels come in as RGB: turning the first kernel round once is cheaper than turning every image.
  return { shape: inOrder.shape, order: (g, value) => reverse(g, `${name}/rgb`, inOrder.order(g, value), 2) };
}

/** pool5, [h, w, c], for the layer that reads it flattened. */
function poolShape(layer: string, architecture: Architecture): readonly number[] | undefined {
  if (layer !== 'fc6') return undefined;
  return layersOf(architecture).findLast(({ kind }) => kind === 'pool')?.outputShape;
}

/** `shape` is the kernel's in TensorFlow's order; `pool` what a dense layer reads flattened, if it does. */
function sourceInOrder(
  name: string,
  layout: WeightLayout,
  pool: readonly number[] | undefined,
  shape: readonly number[],
): Source {
  const outputFirst = isOutputFirst(layout);
  const [h = 0, w = 0, input = 0, output = 0] = shape;
  if (shape.length === 4) {
    if (!outputFirst) return { shape, order: (_, value) => value };
    return { shape: [output, input, h, w], order: (g, value) => transpose(g, `${name}/hwio`, value, [2, 3, 1, 0]) };
  }
  const [inputs = 0, units = 0] = shape;
  if (pool === undefined || layout.endsWith('hwc')) {
    if (!outputFirst) return { shape, order: (_, value) => value };
    return { shape: [units, inputs], order: (g, value) => transpose(g, `${name}/io`, value, [1, 0]) };
  }
  // PyTorch flattens pool5 as (c, h, w), TensorFlow as (h, w, c).
  const [rows = 0, columns = 0, channels = 0] = pool;
  const [from, permutation] = outputFirst
    ? [
        [units, channels, rows, columns],
        [2, 3, 1, 0],
      ]
    : [
        [channels, rows, columns, units],
        [1, 2, 0, 3],
      ];
  return {
    shape: from,
    order: (g, value) =>
      reshape(g, `${name}/io`, transpose(g, `${name}/hwio`, value, permutation), [inputs, units], DType.float32),
  };
}

/** One variable, the node that reads it, and its feed. */
function variable(
  g: GraphBuilder,
  layer: string,
  part: Feed['part'],
  dtype: DType,
  shape: readonly number[],
  source: Source,
): { read: Node; feed: Feed } {
  const name = `${layer}/${part}`;
  const type = { dtype: { type: dtype } };
  const handle = g.node('VarHandleOp', name, [], {
    ...type,
    shape: { shape },
    shared_name: { text: name },
    container: { text: '' },
  });
  const value = g.node('Placeholder', `${name}/value`, [], {
    dtype: { type: DType.float32 },
    shape: { shape: source.shape },
  });
  const ordered = cast(g, `${name}/cast`, source.order(g, value), DType.float32, dtype);
  const assign = g.node('AssignVariableOp', `${name}/assign`, [handle, ordered], type);

  const axes = g.constant(
    `${name}/axes`,
    DType.int32,
    source.shape.map((_, axis) => axis),
  );
  const eachFinite = g.node('IsFinite', `${name}/eachFinite`, [value], { T: { type: DType.float32 } });
  const allFinite = g.node('All', `${name}/allFinite`, [eachFinite, axes], {
    Tidx: { type: DType.int32 },
    keep_dims: { flag: false },
  });
  const finite = g.node('Cast', `${name}/finite`, [allFinite, `^${assign}`], {
    SrcT: { type: DType.bool },
    DstT: { type: DType.int32 },
  });
  const read = g.node('ReadVariableOp', `${name}/read`, [handle], type);
  return { read, feed: { name, layer, part, shape: source.shape, value, finite } };
}

function transpose(g: GraphBuilder, name: string, x: Node, permutation: readonly number[]): Node {
  const axes = g.constant(`${name}/perm`, DType.int32, permutation);
  return g.node('Transpose', name, [x, axes], { T: { type: DType.float32 }, Tperm: { type: DType.int32 } });
}

function reverse(g: GraphBuilder, name: string, x: Node, axis: number): Node {
  const axes = g.constant(`${name}/axis`, DType.int32, [axis]);
  return g.node('ReverseV2', name, [x, axes], { T: { type: DType.float32 }, Tidx: { type: DType.int32 } });
}

/**
 * The weights of one layer as TensorFlow variables, and the feeds that fill them. A kernel is fed in the axis order
 * of its file; the graph transposes it, so no loop in JavaScript touches a weight.
 */

import { type Architecture, layersOf, weightLayersOf } from '../architecture.js';
import type { Preset } from '../preset.js';
import type { WeightLayout } from '../tensors.js';
import { isOutputFirst } from '../tensors.js';
import { cast, DType, type GraphBuilder, type Node, reshape } from './builder.js';
import { type Feed, feedNodes, type Incoming, mappedNodes, type StoredForm, type TensorNodes } from './feed.js';
import { variableNodes } from './saver.js';

export interface VariablesSpec {
  /** A layer with weights, by the paper's name. */
  readonly layer: string;
  /** Type that the variables are kept in. */
  readonly dtype: DType;
  readonly architecture: Architecture;
  readonly preset: Preset;
  readonly stored: Readonly<Record<string, StoredForm>>;
  /** The bytes of the mapped file, where some tensors lie in one. */
  readonly file: Node | undefined;
}

export interface LayerVariables {
  /** Nodes that read the variables: kernel [h, w, in, out] or [in, out], bias [out]. */
  readonly kernel: Node;
  readonly bias: Node;
  readonly feeds: readonly Feed[];
}

/** Adds a layer's kernel and bias to the graph. */
export function layerVariables(g: GraphBuilder, spec: VariablesSpec): LayerVariables {
  const { layer, dtype } = spec;
  const shape = kernelShapeOf(spec);
  const form = formOf(layer, spec.stored);
  const source = kernelSource(spec, form, shape);
  const kernel = variable(g, { layer, part: 'kernel', dtype, shape, incoming: form.kernel, source, file: spec.file });
  const bias = layerBias(g, spec);
  return { kernel: kernel.read, bias: bias.read, feeds: [kernel.feed, bias.feed] };
}

/** Adds a layer's bias alone. */
export function layerBias(g: GraphBuilder, spec: VariablesSpec): { readonly read: Node; readonly feed: Feed } {
  const { layer, dtype, stored, file } = spec;
  const units = kernelShapeOf(spec).at(-1) ?? 0;
  return variable(g, {
    layer,
    part: 'bias',
    dtype,
    shape: [units],
    incoming: formOf(layer, stored).bias,
    source: asItIs([units]),
    file,
  });
}

/** Adds a kernel of int8 numbers, which lie as `shape` says. */
export function byteKernel(
  g: GraphBuilder,
  { layer, stored, file }: Pick<VariablesSpec, 'layer' | 'stored' | 'file'>,
  shape: readonly number[],
): { readonly read: Node; readonly feed: Feed } {
  const name = `${layer}/kernel`;
  const { handle, read } = variableNodes(g, name, DType.qint8, shape);
  const { value, numbers } = tensorNodes(g, name, shape, 'i8', file, formOf(layer, stored).integers);
  const assign = g.node('AssignVariableOp', `${name}/assign`, [handle, numbers], { dtype: { type: DType.qint8 } });
  const one = g.constant(`${name}/one`, DType.int32, 1);
  const finite = g.node('Identity', `${name}/finite`, [one, `^${assign}`], { T: { type: DType.int32 } });
  return { read, feed: { name, layer, part: 'kernel', shape, type: 'i8', value, finiteSum: finite, finite } };
}

/** A tensor out of the file where it lies there, else as it is fed. */
function tensorNodes(
  g: GraphBuilder,
  name: string,
  shape: readonly number[],
  type: Feed['type'],
  file: Node | undefined,
  offset: number | undefined,
): TensorNodes {
  if (file === undefined || offset === undefined) return feedNodes(g, name, shape, type);
  return mappedNodes(g, name, shape, type, file, offset);
}

function kernelShapeOf({ layer, architecture }: VariablesSpec): readonly number[] {
  const shape = weightLayersOf(architecture).find(({ name }) => name === layer)?.kernelShape;
  if (shape === undefined) throw new Error(`Expected a layer with weights but received ${layer}.`);
  return shape;
}

function formOf(layer: string, stored: VariablesSpec['stored']): StoredForm {
  const form = stored[layer];
  if (form === undefined) throw new Error(`Expected to be told how ${layer} is stored.`);
  return form;
}

/** The shape of a tensor in its file, and the nodes that bring it into TensorFlow's order. */
interface Source {
  readonly shape: readonly number[];
  readonly order: (g: GraphBuilder, value: Node, dtype: DType) => Node;
}

const asItIs = (shape: readonly number[]): Source => ({ shape, order: (_, value) => value });

function kernelSource(
  { layer, architecture, preset }: VariablesSpec,
  { layout }: StoredForm,
  shape: readonly number[],
): Source {
  const name = `${layer}/kernel`;
  const inOrder = sourceInOrder(name, layout, poolShape(layer, architecture), shape);
  if (preset.channels === 'RGB' || layer !== layersOf(architecture)[0]?.name) return inOrder;
  // Pixels come in as RGB: turning the first kernel round once is cheaper than turning every image.
  return {
    shape: inOrder.shape,
    order: (g, value, dtype) => reverse(g, `${name}/rgb`, inOrder.order(g, value, dtype), 2, dtype),
  };
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
    if (!outputFirst) return asItIs(shape);
    return {
      shape: [output, input, h, w],
      order: (g, value, dtype) => transpose(g, `${name}/hwio`, value, [2, 3, 1, 0], dtype),
    };
  }
  const [inputs = 0, units = 0] = shape;
  if (pool === undefined || layout.endsWith('hwc')) {
    if (!outputFirst) return asItIs(shape);
    return { shape: [units, inputs], order: (g, value, dtype) => transpose(g, `${name}/io`, value, [1, 0], dtype) };
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
    order: (g, value, dtype) =>
      reshape(g, `${name}/io`, transpose(g, `${name}/hwio`, value, permutation, dtype), [inputs, units], dtype),
  };
}

interface VariableSpec {
  readonly layer: string;
  readonly part: Feed['part'];
  /** Of the variable. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly incoming: Incoming;
  readonly source: Source;
  readonly file: Node | undefined;
}

/** One variable, the node that reads it, and its feed. */
function variable(
  g: GraphBuilder,
  { layer, part, dtype, shape, incoming: { type, offset }, source, file }: VariableSpec,
): { readonly read: Node; readonly feed: Feed } {
  const name = `${layer}/${part}`;
  const { handle, read } = variableNodes(g, name, dtype, shape);
  const fed = tensorNodes(g, name, source.shape, type, file, offset);
  const ordered = cast(g, `${name}/cast`, source.order(g, fed.numbers, fed.dtype), fed.dtype, dtype);
  const assign = g.node('AssignVariableOp', `${name}/assign`, [handle, ordered], { dtype: { type: dtype } });

  const checks = finiteNodes(g, name, fed, source.shape, assign);
  return { read, feed: { name, layer, part, shape: source.shape, type, value: fed.value, ...checks } };
}

/**
 * A sum needs no memory; IsFinite of each number writes a quarter of the weights' bytes, and the first touch of that
 * memory costs the system more than the sum. But a sum of finite numbers can be too large.
 */
function finiteNodes(
  g: GraphBuilder,
  name: string,
  { numbers, dtype }: TensorNodes,
  shape: readonly number[],
  assign: Node,
): Pick<Feed, 'finiteSum' | 'finite'> {
  const axes = g.constant(
    `${name}/axes`,
    DType.int32,
    shape.map((_, axis) => axis),
  );
  const reduced = { Tidx: { type: DType.int32 }, keep_dims: { flag: false } };
  const toInt = { SrcT: { type: DType.bool }, DstT: { type: DType.int32 } };
  const sum = g.node('Sum', `${name}/sum`, [numbers, axes], { T: { type: dtype }, ...reduced });
  const isSumFinite = g.node('IsFinite', `${name}/isSumFinite`, [sum], { T: { type: dtype } });
  const areFinite = g.node('IsFinite', `${name}/areFinite`, [numbers], { T: { type: dtype } });
  const allFinite = g.node('All', `${name}/allFinite`, [areFinite, axes], reduced);
  return {
    finiteSum: g.node('Cast', `${name}/finiteSum`, [isSumFinite, `^${assign}`], toInt),
    finite: g.node('Cast', `${name}/finite`, [allFinite], toInt),
  };
}

function transpose(g: GraphBuilder, name: string, x: Node, permutation: readonly number[], dtype: DType): Node {
  const axes = g.constant(`${name}/perm`, DType.int32, permutation);
  return g.node('Transpose', name, [x, axes], { T: { type: dtype }, Tperm: { type: DType.int32 } });
}

function reverse(g: GraphBuilder, name: string, x: Node, axis: number, dtype: DType): Node {
  const axes = g.constant(`${name}/axis`, DType.int32, [axis]);
  return g.node('ReverseV2', name, [x, axes], { T: { type: dtype }, Tidx: { type: DType.int32 } });
}

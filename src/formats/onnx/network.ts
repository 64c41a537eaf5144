/**
 * The network of an ONNX graph as steps. Exporters lay VGG-16 out in several ways: PyTorch keeps [N, C, H, W] throughout,
 * tf2onnx transposes from and to [N, H, W, C], and what they flatten follows from that.
 */

import { CONVOLUTIONS_PER_BLOCK, KERNEL_SIZE } from '../../network/architecture.js';
import type { BatchNormStep, ConvStep, DenseStep, KernelOrder, NetworkStep } from '../shared/network-steps.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';
import { type Constant, type OnnxConstants, stored } from './constants.js';
import type { OnnxNode } from './node.js';

/** How the data lie between two steps. */
export type DataLayout = 'nchw' | 'nhwc' | 'flat';

/** The input of the graph. */
interface GraphInput {
  /** 0 for an axis that is free. */
  readonly shape: readonly number[] | undefined;
  readonly inputSize: number | undefined;
}

/** What an operator does to the network that its node stands in. `index`: which input of the node is the data. */
export type Operator = (network: OnnxNetwork, node: OnnxNode, index: number) => void | Promise<void>;

/** The network as it grows: the steps so far, and how the data lie after the last one. */
export class OnnxNetwork {
  readonly steps: NetworkStep[] = [];
  layout: DataLayout;
  /** The data have one place: after a convolution over all of pool5. */
  single = false;
  readonly inputSize: number | undefined;
  /** Images that the graph takes at once, where that is fixed. */
  readonly batch: number;

  constructor(
    readonly constants: OnnxConstants,
    { shape, inputSize }: GraphInput,
  ) {
    this.layout = shape?.length === 4 && shape[3] === 3 && shape[1] !== 3 ? 'nhwc' : 'nchw';
    this.inputSize = inputSize;
    this.batch = shape?.[0] ?? 0;
  }

  get last(): NetworkStep | undefined {
    return this.steps.at(-1);
  }

  /** Max-pools so far. */
  get pools(): number {
    return this.steps.filter(({ kind }) => kind === 'maxPool').length;
  }

  /** Before the first convolution only preprocessing happens. */
  get atInput(): boolean {
    return this.steps.every(({ kind }) => kind === 'affine');
  }

  relu({ name }: OnnxNode): void {
    // A quantisation that ends at zero has done it before.
    if (this.last?.kind !== 'relu') this.steps.push({ kind: 'relu', name });
  }

  /** A 3x3 convolution that keeps the size, or one over all of pool5 and what follows it. */
  convolution(node: OnnxNode, { tensor, transposed }: Constant, bias: StoredTensor | undefined): void {
    this.#expectLayout(node, 'nchw');
    node.expect('group', node.int('group', 1), 1);
    node.expectAll('strides', node.ints('strides', []), 1);
    node.expectAll('dilations', node.ints('dilations', []), 1);
    const { name } = node;
    const [height, width] = tensor.shape.slice(2);
    if (tensor.shape.length !== 4 || transposed) throw node.wrong('kernel', 'four axes', tensor.shape);
    const padding = paddingOf(node);
    const parts = { name, kernel: stored(tensor), bias, order: 'oihw' } as const;
    if (padding !== 'none' && height === KERNEL_SIZE && width === KERNEL_SIZE) {
      this.steps.push({ kind: 'conv', ...parts });
    } else if ((padding === 'none' || (height === 1 && width === 1)) && (this.pools === POOLS || this.single)) {
      this.steps.push({ kind: 'dense', ...parts });
      this.single = true;
    } else {
      throw node.refuse(
        `expected a 3x3 convolution with a padding of 1 as ${shown(name)} but it is ${height}x${width} with ${padding === 'none' ? 'none' : 'one'}`,
      );
    }
  }

  /** `out` is which axis of the kernel, as the node uses it, has the outputs. */
  dense(node: OnnxNode, { tensor, transposed }: Constant, out: 0 | 1, bias: StoredTensor | undefined): void {
    this.#expectLayout(node, 'flat');
    const order: KernelOrder = (out === 0) !== transposed ? 'oihw' : 'hwio';
    this.steps.push({ kind: 'dense', name: node.name, kernel: stored(tensor), bias, order });
  }

  maxPool({ name }: OnnxNode): void {
    this.steps.push({ kind: 'maxPool', name });
  }

  /** The channels are read in the order in which they lie now. */
  flatten({ name }: OnnxNode): void {
    if (this.layout === 'flat') return;
    if (!this.single) this.steps.push({ kind: 'flatten', name, order: this.layout === 'nchw' ? 'chw' : 'hwc' });
    this.layout = 'flat';
  }

  batchNorm(node: OnnxNode, parts: Omit<BatchNormStep, 'kind' | 'name'>): void {
    if (this.layout === 'nhwc') throw this.#laid(node, 'channels first');
    this.steps.push({ kind: 'batchNorm', name: node.name, ...parts });
  }

  /** The bias of the layer before, from an Add after it; false where that is not what it is. */
  addBias(bias: StoredTensor): boolean {
    const { last } = this;
    if (last?.kind !== 'dense' && last?.kind !== 'conv') return false;
    const { bias: own, kernel, order } = last;
    const outputs = kernel.shape[order === 'oihw' ? 0 : kernel.shape.length - 1];
    if (own !== undefined || outputs !== bias.shape[0]) return false;
    this.#replaceLast({ ...last, bias });
    return true;
  }

  /** The offset of a scaling before; false where there is none. */
  addOffset(offset: StoredTensor): boolean {
    const { last } = this;
    if (last?.kind !== 'batchNorm' || last.offset !== undefined) return false;
    this.#replaceLast({ ...last, offset });
    return true;
  }

  #replaceLast(step: ConvStep | DenseStep | BatchNormStep): void {
    this.steps[this.steps.length - 1] = step;
  }

  #expectLayout(node: OnnxNode, layout: DataLayout): void {
    if (this.layout === layout) return;
    throw this.#laid(node, layout === 'flat' ? 'flattened data' : 'channels first');
  }

  #laid(node: OnnxNode, expected: string): Error {
    const found = { nchw: 'channels first', nhwc: 'channels last', flat: 'flat data' }[this.layout];
    return node.refuse(`expected ${expected} at ${shown(node.name)} (${shown(node.op)}) but there are ${found}`);
  }
}

/** Max-pools of VGG-16. */
const POOLS = CONVOLUTIONS_PER_BLOCK.length;

/** Of a convolution: so much that a 3x3 kernel keeps the size, or nothing. */
function paddingOf(node: OnnxNode): 'same' | 'none' {
  const automatic = node.text('auto_pad', 'NOTSET');
  node.expect('auto_pad', automatic, 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID');
  if (automatic !== 'NOTSET') return automatic === 'VALID' ? 'none' : 'same';
  const pads = node.ints('pads', []);
  if (pads.every((pad) => pad === 0)) return 'none';
  node.expectAll('pads', pads, 1);
  return 'same';
}

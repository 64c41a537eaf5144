/** The network in a TensorFlow graph, as steps: from its output back to its input. */

import { INPUT_CHANNELS } from '../../network/architecture.js';
import { kerasFamily } from '../keras/network.js';
import type { NetworkStep } from '../shared/network-steps.js';
import { shown } from '../shared/shown.js';
import type { StoredTensor } from '../shared/stored-tensor.js';
import type { Family } from '../shared/weight-file.js';
import type { Found, Reference, TfNode, TfResolver } from './tensorflow-graph.js';
import { filled, layerName, smallNumbers } from './weights.js';

export interface TfNetwork {
  readonly steps: readonly NetworkStep[];
  /** Side of the square input, in pixels, where the graph fixes it. */
  readonly inputSize?: number;
  readonly family?: Family;
}

export interface TfReading {
  /** Of the graph's variables, by their handles. */
  readonly variables?: ReadonlyMap<TfNode, StoredTensor>;
  /** What is before the first convolution is known from elsewhere. */
  readonly ignorePreprocessing?: boolean;
}

/**
 * Steps from the input to the last of `outputs`, nodes of the graph: the one that most steps lead to. Throws MODEL_INVALID
 * naming the node that no VGG-16 has.
 */
export async function tfNetwork(
  resolver: TfResolver,
  outputs: readonly string[],
  reading: TfReading = {},
): Promise<TfNetwork> {
  let steps: readonly NetworkStep[] | undefined;
  let input: TfNode | undefined;
  let fault: unknown = resolver.refuse('its graph has no output');
  for (const text of outputs.slice(0, MAX_OUTPUTS)) {
    const reader = new Reader(resolver, reading);
    try {
      await reader.read({ scope: resolver.root, text });
    } catch (error) {
      // Beside the scores a model may give what is made of them: the best class, its name.
      fault = error;
      continue;
    }
    if (steps === undefined || reader.steps.length > steps.length) [steps, input] = [reader.steps, reader.input];
  }
  if (steps === undefined) throw fault;
  const family = kerasFamily(steps);
  const inputSize = input === undefined ? undefined : sideOf(input);
  return {
    steps,
    ...(inputSize === undefined ? {} : { inputSize }),
    ...(family === undefined ? {} : { family }),
  };
}

/** VGG-16 has 21 layers, and a softmax. */
const MAX_OUTPUTS = 32;

/** [N, S, S, 3] as the shape of the placeholder. */
function sideOf({ attributes }: TfNode): number | undefined {
  const shape = attributes.get('shape');
  const [, height, width] = Array.isArray(shape) && shape.length === 4 ? shape : [];
  return typeof height === 'number' && height > 0 && height === width ? height : undefined;
}

/** Of a kernel to be read: what has been found between it and the node after it. */
interface Weighted {
  readonly bias: StoredTensor | undefined;
}

class Reader {
  /** From the input on. */
  readonly steps: NetworkStep[] = [];
  /** The node that the images come in by, once it was reached. */
  input: TfNode | undefined;
  #convolutions = 0;

  constructor(
    readonly resolver: TfResolver,
    readonly reading: TfReading,
  ) {}

  async read(output: Reference): Promise<void> {
    for (let next: Reference | undefined = output; next !== undefined; ) {
      const found = this.resolver.find(next);
      if (found.node.op === 'Placeholder') this.input = found.node;
      next = found.node.op === 'Placeholder' ? undefined : await this.#step(found);
    }
    this.steps.reverse();
  }

  /** Adds what `found` does and returns its data input; none at the end. */
  async #step(found: Found): Promise<Reference | undefined> {
    const { op, name } = found.node;
    switch (op) {
      case 'Relu':
        return this.#plain('relu', found);
      case 'Softmax':
        return this.#plain('softmax', found);
      case 'MaxPool':
        return this.#maxPool(found);
      case 'Reshape':
        return this.#flatten(found);
      case 'Conv2D':
        return this.#convolution(found, { bias: undefined });
      case 'MatMul':
        return this.#dense(found, { bias: undefined });
      case '_FusedConv2D':
      case '_FusedMatMul':
        return this.#fused(found);
      case 'BiasAdd':
      case 'Add':
      case 'AddV2':
        return await this.#add(found);
      case 'FusedBatchNorm':
      case 'FusedBatchNormV2':
      case 'FusedBatchNormV3':
        return this.#batchNorm(found);
      case 'Sub':
      case 'Mul':
      case 'RealDiv':
        return await this.#affine(found);
      default:
        throw this.#refuse(`its node ${shown(name)} is a ${shown(op)}, which VGG-16 does not have`);
    }
  }

  #plain(kind: 'relu' | 'softmax', found: Found): Reference {
    this.steps.push({ kind, name: found.node.name });
    return this.resolver.input(found, 0);
  }

  #maxPool(found: Found): Reference {
    this.#expect(found, 'ksize', '1,2,2,1');
    this.#expect(found, 'strides', '1,2,2,1');
    this.#expect(found, 'padding', 'VALID');
    this.#channelsLast(found);
    this.steps.push({ kind: 'maxPool', name: found.node.name });
    return this.resolver.input(found, 0);
  }

  /** Before it, channels may have been moved to the front, as in networks that come from PyTorch. */
  #flatten(found: Found): Reference {
    const before = this.resolver.find(this.resolver.input(found, 0));
    const { name } = found.node;
    if (before.node.op !== 'Transpose') {
      this.steps.push({ kind: 'flatten', name, order: 'hwc' });
      return this.resolver.input(found, 0);
    }
    const axes = this.resolver.find(this.resolver.input(before, 1)).node.attributes.get('value');
    if (String(axes) !== '0,3,1,2') throw this.#refuse(`${shown(before.node.name)} moves the axes of its images`);
    this.steps.push({ kind: 'flatten', name, order: 'chw' });
    return this.resolver.input(before, 0);
  }

  #convolution(found: Found, { bias }: Weighted): Reference | undefined {
    const { node } = found;
    this.#expect(found, 'strides', '1,1,1,1');
    this.#expect(found, 'dilations', '1,1,1,1', undefined);
    this.#channelsLast(found);
    let data = this.resolver.input(found, 0);
    const padding = node.attributes.get('padding');
    if (padding === 'VALID') data = this.#padding(found);
    else if (padding === 'EXPLICIT') this.#expect(found, 'explicit_paddings', '0,0,1,1,1,1,0,0');
    else this.#expect(found, 'padding', 'SAME');
    const kernel = this.#weight(found, 1);
    this.steps.push({ kind: 'conv', name: layerName(kernel), kernel, bias, order: 'hwio' });
    this.#convolutions++;
    return this.reading.ignorePreprocessing === true && this.#convolutions === CONVOLUTIONS ? undefined : data;
  }

  /** Zeros around the input by a node of its own; returns what it pads. */
  #padding(found: Found): Reference {
    const before = this.resolver.find(this.resolver.input(found, 0));
    const isPad = before.node.op === 'Pad';
    const sizes = isPad ? this.resolver.find(this.resolver.input(before, 1)).node.attributes.get('value') : undefined;
    if (!isPad || String(sizes) !== '0,0,1,1,1,1,0,0') {
      throw this.#refuse(`expected one row and column of zeros around the input of ${shown(found.node.name)}`);
    }
    return this.resolver.input(before, 0);
  }

  #dense(found: Found, { bias }: Weighted): Reference {
    this.#expect(found, 'transpose_a', 'false', undefined);
    const transposed = found.node.attributes.get('transpose_b') === true;
    const kernel = this.#weight(found, 1);
    this.steps.push({ kind: 'dense', name: layerName(kernel), kernel, bias, order: transposed ? 'oihw' : 'hwio' });
    return this.resolver.input(found, 0);
  }

  /** grappler's and tfjs-converter's nodes: `fused_ops` is BiasAdd, or BiasAdd and Relu. */
  #fused(found: Found): Reference | undefined {
    const fused = String(found.node.attributes.get('fused_ops'));
    if (fused !== 'BiasAdd' && fused !== 'BiasAdd,Relu') {
      throw this.#refuse(`expected BiasAdd and Relu in ${shown(found.node.name)} but it has ${shown(fused)}`);
    }
    if (fused.endsWith('Relu')) this.steps.push({ kind: 'relu', name: found.node.name });
    const weighted = { bias: this.#weight(found, 2) };
    return found.node.op === '_FusedConv2D' ? this.#convolution(found, weighted) : this.#dense(found, weighted);
  }

  /** The bias of a layer, or a part of what is done to the images. */
  async #add(found: Found): Promise<Reference | undefined> {
    const before = this.resolver.find(this.resolver.input(found, 0));
    if (before.node.op === 'Conv2D') return this.#convolution(before, { bias: this.#weight(found, 1) });
    if (before.node.op === 'MatMul') return this.#dense(before, { bias: this.#weight(found, 1) });
    return this.#foldedNorm(found, before) ?? (await this.#denseNorm(found, before)) ?? (await this.#affine(found));
  }

  /** A batch normalisation whose constants have been computed: `x * m + c`, with a number for each unit. */
  #foldedNorm(found: Found, product: Found): Reference | undefined {
    const offset = this.#constant(found, 1);
    const scale = product.node.op === 'Mul' ? this.#constant(product, 1) : undefined;
    const units = scale?.shape[0] ?? 0;
    if (scale === undefined || offset === undefined || scale.shape.length !== 1 || units <= INPUT_CHANNELS) {
      return undefined;
    }
    const [mean, variance] = [filled(scale, 0), filled(scale, 1)];
    this.steps.push({ kind: 'batchNorm', name: found.node.name, scale, offset, mean, variance, epsilon: 0 });
    return this.resolver.input(product, 0);
  }

  /**
   * A batch normalisation after a dense layer, which `tf.nn.batch_normalization` writes out: `x * m + (beta - mean * m)`
   * with `m = rsqrt(variance + epsilon) * gamma`, without beta or gamma where there is none.
   */
  async #denseNorm(found: Found, product: Found): Promise<Reference | undefined> {
    const shift = this.#input(found, 1);
    if (product.node.op !== 'Mul' || (shift.node.op !== 'Sub' && shift.node.op !== 'Neg')) return undefined;
    const hasOffset = shift.node.op === 'Sub';
    const factor = this.#input(product, 1);
    const centre = this.#input(shift, hasOffset ? 1 : 0);
    const root = factor.node.op === 'Mul' ? this.#input(factor, 0) : factor;
    if (centre.node.op !== 'Mul' || root.node.op !== 'Rsqrt') return undefined;
    const sum = this.#input(root, 0);
    const constant = this.#constant(sum, 1);
    const [epsilon] = (constant === undefined ? undefined : await smallNumbers(constant)) ?? [];
    if (this.#input(centre, 1).node !== factor.node || epsilon === undefined) return undefined;
    this.steps.push({
      kind: 'batchNorm',
      name: found.node.name,
      scale: factor === root ? undefined : this.#weight(factor, 1),
      offset: hasOffset ? this.#weight(shift, 0) : undefined,
      mean: this.#weight(centre, 0),
      variance: this.#weight(sum, 0),
      epsilon,
    });
    return this.resolver.input(product, 0);
  }

  #input(found: Found, index: number): Found {
    return this.resolver.find(this.resolver.input(found, index));
  }

  #batchNorm(found: Found): Reference {
    this.#expect(found, 'is_training', 'false');
    this.#channelsLast(found);
    const epsilon = found.node.attributes.get('epsilon') ?? BATCH_NORM_EPSILON;
    if (typeof epsilon !== 'number' || !(epsilon >= 0 && epsilon < 1)) {
      throw this.#refuse(`expected a number as the epsilon of ${shown(found.node.name)} but it is ${shown(epsilon)}`);
    }
    this.steps.push({
      kind: 'batchNorm',
      name: found.node.name,
      scale: this.#weight(found, 1),
      offset: this.#weight(found, 2),
      mean: this.#weight(found, 3),
      variance: this.#weight(found, 4),
      epsilon,
    });
    return this.resolver.input(found, 0);
  }

  /** `x - c`, `x * c`, `x / c`, `x + c` with one number or one a channel; `c` may come first in the commutative ones. */
  async #affine(found: Found): Promise<Reference> {
    const { op, name } = found.node;
    const isFirst = (op === 'Mul' || op.startsWith('Add')) && this.#constant(found, 0) !== undefined;
    const tensor = this.#constant(found, isFirst ? 0 : 1);
    const numbers = tensor === undefined ? undefined : await smallNumbers(tensor);
    if (numbers === undefined) {
      throw this.#refuse(`its node ${shown(name)} is a ${op} of no constant, which VGG-16 does not have`);
    }
    const one = [1];
    const zero = [0];
    if (op === 'Mul') this.steps.push({ kind: 'affine', name, scale: numbers, offset: zero });
    else if (op === 'RealDiv') {
      this.steps.push({ kind: 'affine', name, scale: numbers.map((value) => 1 / value), offset: zero });
    } else {
      const offset = op === 'Sub' ? numbers.map((value) => -value) : numbers;
      this.steps.push({ kind: 'affine', name, scale: one, offset });
    }
    return this.resolver.input(found, isFirst ? 1 : 0);
  }

  #weight(found: Found, index: number): StoredTensor {
    const tensor = this.#constant(found, index);
    if (tensor !== undefined) return tensor;
    throw this.#refuse(`the input ${index} of ${shown(found.node.name)} is no stored tensor`);
  }

  /** A constant or a variable; Keras 3 makes a bias [1, 1, 1, out] and [out] again. */
  #constant(found: Found, index: number): StoredTensor | undefined {
    let source = this.resolver.find(this.resolver.input(found, index));
    const isReshaped = RESHAPES.has(source.node.op);
    while (RESHAPES.has(source.node.op)) source = this.resolver.find(this.resolver.input(source, 0));
    if (source.node.op === 'ReadVariableOp') source = this.resolver.find(this.resolver.input(source, 0));
    const tensor = this.resolver.graph.constants.get(source.node) ?? this.reading.variables?.get(source.node);
    return isReshaped && tensor?.shape.length !== 1 ? undefined : tensor;
  }

  #channelsLast(found: Found): void {
    this.#expect(found, 'data_format', 'NHWC', undefined);
  }

  #expect({ node }: Found, key: string, ...values: readonly (string | undefined)[]): void {
    const value = node.attributes.get(key);
    if (values.includes(value === undefined ? undefined : String(value))) return;
    throw this.#refuse(
      `expected ${values[0]} as the ${key} of ${shown(node.name)} but it is ${value === undefined ? 'missing' : shown(value)}`,
    );
  }

  #refuse(why: string): Error {
    return this.resolver.refuse(why);
  }
}

const RESHAPES = new Set(['ExpandDims', 'Reshape', 'Squeeze']);

/** Of VGG-16. */
const CONVOLUTIONS = 13;

/** The op's default. */
const BATCH_NORM_EPSILON = 1e-4;

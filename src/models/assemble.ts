/** Finds VGG-16's layers in a network that its file describes step by step. */

import type { AffineStep, BatchNormStep, ConvStep, DenseStep, NetworkStep } from '../formats/shared/network-steps.js';
import { shown } from '../formats/shared/shown.js';
import { type NamedLayer, type NamedTensors, notVgg16 } from '../formats/shared/tensor-names.js';
import type { WeightFile } from '../formats/shared/weight-file.js';
import { CONVOLUTIONS_PER_BLOCK } from '../network/architecture.js';
import type { WeightLayout } from '../network/tensors.js';

/** The layers of a network, and the preprocessing that its file does itself. */
export interface Assembled extends NamedTensors {
  readonly naming: undefined;
  /** From the input on. */
  readonly affine: readonly AffineStep[];
}

/** What a kind of step is called in messages. */
const WHAT: Readonly<Record<NetworkStep['kind'], string>> = {
  conv: 'a convolution',
  dense: 'a dense layer',
  batchNorm: 'a batch normalisation',
  relu: 'a ReLU',
  maxPool: 'a max-pool',
  flatten: 'a flattening',
  affine: 'a scaling of its input',
  softmax: 'a softmax',
};

/**
 * Steps in the order that VGG-16 has: 2, 2, 3, 3, 3 convolutions with a ReLU each and a max-pool after each block, then
 * nothing, or three dense layers with a ReLU between and perhaps a softmax at the end. Batch normalisations may stand
 * between a layer and its ReLU, and before a dense layer. Throws MODEL_INVALID naming the first step that does not fit.
 */
export function assemble(file: WeightFile, steps: readonly NetworkStep[]): Assembled {
  const line = new Line(file, steps);
  const affine: AffineStep[] = [];
  for (let step = line.take('affine'); step !== undefined; step = line.take('affine')) affine.push(step);
  const layers = new Map<string, NamedLayer>();
  CONVOLUTIONS_PER_BLOCK.forEach((count, block) => {
    for (let index = 0; index < count; index++) {
      const name = `conv${block + 1}_${index + 1}`;
      const step = line.need('conv', name);
      layers.set(name, layerOf(step, undefined, line.take('batchNorm'), 'hwc'));
      line.need('relu', `the ReLU of ${name}`);
    }
    line.need('maxPool', `pool${block + 1}`);
  });
  let before = line.take('batchNorm');
  const order = line.take('flatten')?.order;
  if (line.ended && before === undefined) return { naming: undefined, layers, affine };
  for (const name of ['fc6', 'fc7', 'fc8']) {
    if (name !== 'fc6' || before === undefined) before = line.take('batchNorm') ?? before;
    const step = line.need('dense', name);
    if (name === 'fc6' && order === undefined && step.kernel.shape.length !== 4) {
      throw notVgg16(file, `nothing flattens pool5 before ${shown(step.name)}`);
    }
    layers.set(name, layerOf(step, before, line.take('batchNorm'), order ?? 'chw'));
    before = undefined;
    if (name !== 'fc8') line.need('relu', `the ReLU of ${name}`);
  }
  line.take('softmax');
  line.end();
  return { naming: undefined, layers, affine };
}

function layerOf(
  { kernel, bias, order }: ConvStep | DenseStep,
  normBefore: BatchNormStep | undefined,
  normAfter: BatchNormStep | undefined,
  flatten: 'hwc' | 'chw',
): NamedLayer {
  const layout: WeightLayout = `${order}/${flatten}`;
  return {
    kernel,
    bias,
    layout,
    ...(normBefore === undefined ? {} : { normBefore }),
    ...(normAfter === undefined ? {} : { normAfter }),
  };
}

/** The steps that are left. */
class Line {
  #next = 0;

  constructor(
    readonly file: WeightFile,
    readonly steps: readonly NetworkStep[],
  ) {}

  get ended(): boolean {
    return this.#next >= this.steps.length;
  }

  /** The next step if it is of this kind. */
  take<K extends NetworkStep['kind']>(kind: K): Extract<NetworkStep, { readonly kind: K }> | undefined {
    const step = this.steps[this.#next];
    if (step?.kind !== kind) return undefined;
    this.#next++;
    return step as Extract<NetworkStep, { readonly kind: K }>;
  }

  /** `role`: what it would be in VGG-16. */
  need<K extends NetworkStep['kind']>(kind: K, role: string): Extract<NetworkStep, { readonly kind: K }> {
    const step = this.take(kind);
    if (step === undefined) throw this.#unexpected(`${WHAT[kind]} as ${role}`);
    return step;
  }

  end(): void {
    if (!this.ended) throw this.#unexpected('the end after fc8');
  }

  #unexpected(expected: string): Error {
    const step = this.steps[this.#next];
    const found = step === undefined ? 'the network ends' : `there is ${WHAT[step.kind]} (${shown(step.name)})`;
    return notVgg16(this.file, `expected ${expected} but ${found}`);
  }
}

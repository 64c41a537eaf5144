/**
 * Deterministic random weights: the full-size network of the notebook, before any training.
 *
 * A counter-based generator in 32-bit integers, so that any element can be made on its own and NumPy makes the same
 * bits (`fixtures/expected/random_weights.py`). The mixing function is Chris Wellons's lowbias32.
 */

import { type Architecture, weightLayersOf } from '../../network/architecture.js';
import { type RandomSource, TENSORFLOW_LAYOUT, type Weights } from '../../network/tensors.js';
import { elementCount } from '../../shape.js';

/** 2^32 divided by the golden ratio, made odd: spreads consecutive counters over all bits. */
const WEYL = 0x9e3779b1;
const STREAM_OFFSET = 0x9e3779b9;

/** lowbias32: a bijection of 32-bit integers. */
function mix32(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** 2^-23: maps 24 random bits to [0, 2). */
const UNIT = 2 ** -23;

/**
 * Fills `out` with values uniform in [-bound, bound), element i of the tensor in TensorFlow's row-major order.
 * Each is (h >>> 8) * 2^-23 - 1 times the bound, in double precision, rounded once to float32.
 */
export function fillRandom(out: Float32Array, { seed, stream, bound }: RandomSource): void {
  const key = mix32(seed ^ mix32((stream + STREAM_OFFSET) >>> 0));
  for (let i = 0, counter = key | 0; i < out.length; i++, counter = (counter + WEYL) | 0) {
    let x = Math.imul(counter ^ (counter >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    x ^= x >>> 16;
    out[i] = ((x >>> 8) * UNIT - 1) * bound;
  }
}

/**
 * Sources for every layer of `architecture`. Kernels are uniform with the variance of He et al. (2015), bound
 * sqrt(6 / fan_in), which keeps activations at their size through the ReLUs; biases have PyTorch's default bound
 * 1 / sqrt(fan_in).
 */
export function randomWeights(architecture: Architecture, seed: number): Weights {
  return Object.fromEntries(
    weightLayersOf(architecture).map(({ name, kernelShape }, layer) => {
      const fanIn = elementCount(kernelShape.slice(0, -1));
      return [
        name,
        {
          kernel: { kind: 'random', seed, stream: 2 * layer, bound: Math.sqrt(6 / fanIn) },
          bias: { kind: 'random', seed, stream: 2 * layer + 1, bound: 1 / Math.sqrt(fanIn) },
          layout: TENSORFLOW_LAYOUT,
        },
      ];
    }),
  );
}

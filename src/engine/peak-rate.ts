/**
 * What this machine's processor can do at most: the rate of a large matrix product in TensorFlow, in the same precision and
 * on as many threads as the network. The network's own rate is a share of it.
 */

import { type ProductGraph, productGraph } from '../network/graph/matrix-products.js';
import type { Precision } from '../network/precision.js';
import { NativeGraph } from './native-graph.js';
import { configureTensorFlow } from './tensorflow.js';

/** Rows and columns of the matrices: enough work for many cores; larger ones are no faster on two. */
const SIZE = 2048;

/** Products in one run: what surrounds them is then next to nothing. */
const PRODUCTS = 2;

/** Floating-point operations of one run; a multiplication and an addition are two. */
const FLOP_PER_RUN = PRODUCTS * 2 * SIZE ** 3;

/** Measured runs at least, and seconds at least: the best of them counts, the least disturbed. */
const MIN_RUNS = 3;
const MIN_SECONDS = 1;

/** How far the result may be from 1: a step of uint8 in int8, nothing in the others. */
const TOLERANCE = 1 / 255;

export interface PeakOptions {
  readonly precision: Precision;
  /** TensorFlow reads it once a process. */
  readonly threads: number;
}

/** Operations a second. Blocks the thread for a second or more; meant for a process of its own. */
export function measurePeak({ precision, threads }: PeakOptions): number {
  configureTensorFlow({ threads });
  const product = productGraph(precision, SIZE, PRODUCTS);
  const graph = NativeGraph.open(product.savedModel);
  try {
    secondsOf(graph, product); // the first run prepares the kernels
    const times: number[] = [];
    for (let total = 0; times.length < MIN_RUNS || total < MIN_SECONDS; ) {
      const seconds = secondsOf(graph, product);
      times.push(seconds);
      total += seconds;
    }
    return FLOP_PER_RUN / Math.min(...times);
  } finally {
    graph.close();
  }
}

function secondsOf(graph: NativeGraph, { feeds, result }: ProductGraph): number {
  const scalars = Object.entries(feeds).map(([name, value]) => {
    return [name, { shape: [], data: Float32Array.of(value) }] as const;
  });
  const start = performance.now();
  const [found] = graph.run(Object.fromEntries(scalars), [result]);
  const seconds = (performance.now() - start) / 1000;
  const value = found?.data[0] ?? Number.NaN;
  if (!(Math.abs(value - 1) <= TOLERANCE)) {
    throw new Error(`Expected 1 in the product of the matrices but received ${value}.`);
  }
  return seconds;
}

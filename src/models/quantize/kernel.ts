/** A kernel as int8: one scale an output channel, the largest weight is 127 steps. */

import { MAX_WEIGHT } from '../../network/graph/quantized-nodes.js';

export interface QuantizedKernel {
  /** In the order of the kernel. */
  readonly integers: Int8Array;
  /** What a step of each output channel is worth; above 0. */
  readonly scale: Float32Array;
}

/** `kernel` is [..., out] with `units` outputs. A channel of zeros has the scale 1. */
export function quantizeKernel(kernel: Float32Array, units: number): QuantizedKernel {
  const scale = new Float32Array(units);
  for (let at = 0, unit = 0; at < kernel.length; at++, unit = unit + 1 === units ? 0 : unit + 1) {
    const magnitude = Math.abs(kernel[at] as number);
    if (magnitude > (scale[unit] as number)) scale[unit] = magnitude;
  }
  for (let unit = 0; unit < units; unit++) scale[unit] = (scale[unit] as number) / MAX_WEIGHT || 1;
  const integers = new Int8Array(kernel.length);
  for (let at = 0, unit = 0; at < kernel.length; at++, unit = unit + 1 === units ? 0 : unit + 1) {
    const steps = Math.round((kernel[at] as number) / (scale[unit] as number));
    integers[at] = Math.max(-MAX_WEIGHT, Math.min(MAX_WEIGHT, steps));
  }
  return { integers, scale };
}

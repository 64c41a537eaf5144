/** Images, and the numbers that models make of them, to compare exports with. */

import { Session } from '../../../src/engine/session.js';
import { readLayer } from '../../../src/formats/export/layer-weights.js';
import { weightLayersOf } from '../../../src/network/architecture.js';
import type { Model } from '../../../src/network/card.js';
import type { Preset } from '../../../src/network/preset.js';
import { sameBits } from '../../engine/reference.js';

/** Two images of noise, RGB, one after the other: those of fixtures/models/make_slim.py at its size. */
export function slimImages(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 2 * size * size * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
}

/** What a network reads: (x / divisor - mean) / std, in its order of the channels. */
export function normalized(rgb: Uint8Array, { channels, divisor, mean, std }: Preset): Float32Array<ArrayBuffer> {
  return Float32Array.from(rgb, (_, i) => {
    const c = i % 3;
    const value = rgb[channels === 'BGR' ? i - c + (2 - c) : i] as number;
    return (value / divisor - (mean[c] as number)) / (std[c] as number);
  });
}

/** Layers by the paper's names, as this tool computes them. */
export async function sessionOutputs(
  model: Model,
  images: Uint8Array<ArrayBuffer>,
  layers: readonly string[],
): Promise<Readonly<Record<string, ArrayLike<number>>>> {
  const outputs = layers.map((layer) => ({ kind: 'layer' as const, layer }));
  const session = await Session.open({ model, precision: 'f32', outputs });
  try {
    const size = model.card.architecture.inputSize;
    const results = session.run(images.buffer, images.length / (size * size * 3));
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Float32Array.from(data)]));
  } finally {
    session.close();
  }
}

/** max |Δ| over the largest |expected|; NaN or a number that is missing makes it NaN. */
export function maxDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs((actual[i] as number) - (expected[i] as number)));
    magnitude = Math.max(magnitude, Math.abs(expected[i] as number));
  }
  return difference / magnitude;
}

/** Whether two models have the same weights, bit for bit. */
export async function sameWeights(a: Model, b: Model): Promise<boolean> {
  for (const { name } of weightLayersOf(b.card.architecture)) {
    const [one, other] = [await readLayer(a, name, 'hwio/hwc'), await readLayer(b, name, 'hwio/hwc')];
    if (!sameBits(one.kernel, other.kernel) || !sameBits(one.bias, other.bias)) return false;
  }
  return true;
}

/** The range that a layer's activations are rounded in, chosen from what calibration images gave. */

import { modelError } from '../../errors.js';

/** Bins of a histogram: rounding has 255 steps, so a step is at least eight bins. */
const BINS = 2048;

/** Activations of one call that are counted, about: of more, evenly many; the maximum is of all. */
const COUNTED = 2 ** 20;

/** Steps of a uint8 from 0 to the range. */
const STEPS = 255;

/** Ranges that are tried for the least error, as shares of the maximum. */
const SHARES = Array.from({ length: 71 }, (_, i) => 0.3 + i / 100);

/** Activations that `percentile` keeps under its range; 99.9 % cuts off what the later layers read. */
const PERCENTILE = 0.9999;

export type RangeMethod = 'max' | 'percentile' | 'mse';

/** A histogram of activations after a ReLU: from 0, of a width that grows with the largest seen. */
export class ActivationHistogram {
  readonly #counts = new Float64Array(BINS);
  /** Upper end of the last bin; 0 before anything was seen. */
  #top = 0;
  #max = 0;
  /** Activations that were counted. */
  #total = 0;

  /** Adds activations; those that are not above 0 count as 0, whose rounding is exact. Throws where one is not finite. */
  add(values: Float32Array): void {
    let max = 0;
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value > max) max = value;
      sum += value;
    }
    if (!Number.isFinite(sum))
      throw modelError('Expected finite activations but the network gave NaN or infinity for a calibration image.');
    this.#grow(max);
    this.#max = Math.max(this.#max, max);
    if (this.#top === 0) return;
    const counts = this.#counts;
    const perBin = BINS / this.#top;
    const every = Math.max(1, Math.floor(values.length / COUNTED));
    for (let i = 0; i < values.length; i += every) {
      const value = values[i] as number;
      this.#total += 1;
      if (value <= 0) continue;
      const bin = Math.min(BINS - 1, Math.floor(value * perBin));
      counts[bin] = (counts[bin] as number) + 1;
    }
  }

  /** The range of a method; 0 where nothing above 0 was seen. */
  range(method: RangeMethod): number {
    switch (method) {
      case 'max':
        return this.#max;
      case 'percentile':
        return this.#percentile();
      case 'mse':
        return this.#leastError();
    }
  }

  /** Doubles the width of the bins until `max` lies in one: what was counted stays counted. */
  #grow(max: number): void {
    if (this.#top === 0) this.#top = max;
    while (max > this.#top) {
      for (let i = 0; i < BINS / 2; i++) {
        this.#counts[i] = (this.#counts[2 * i] as number) + (this.#counts[2 * i + 1] as number);
      }
      this.#counts.fill(0, BINS / 2);
      this.#top *= 2;
    }
  }

  /** The end of the bin under which PERCENTILE of all activations lie, zeros included. */
  #percentile(): number {
    let above = this.#total * (1 - PERCENTILE);
    for (let bin = BINS - 1; bin >= 0; bin--) {
      above -= this.#counts[bin] as number;
      if (above < 0) return Math.min(this.#max, ((bin + 1) * this.#top) / BINS);
    }
    return this.#max;
  }

  /** The range whose rounding and clipping give the least squared error, each bin as its middle. */
  #leastError(): number {
    let best = { range: this.#max, error: Number.POSITIVE_INFINITY };
    for (const share of SHARES) {
      const range = share * this.#max;
      const error = this.#error(range);
      if (error <= best.error) best = { range, error };
    }
    return best.range;
  }

  #error(range: number): number {
    const step = range / STEPS;
    let sum = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#counts[bin] as number;
      if (count === 0) continue;
      const value = ((bin + 0.5) * this.#top) / BINS;
      const rounded = step * Math.min(STEPS, Math.round(value / step));
      sum += count * (value - rounded) ** 2;
    }
    return sum;
  }
}

/** Arithmetic on measured times. */

/** Of the times of equal pieces of work, in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/**
 * The value below which `percent` of the values lie, between two values on the straight line from one to the other
 * (Hyndman and Fan's type 7, NumPy's default). Throws for an empty list.
 */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new Error('Expected at least one value but received none.');
  const sorted = [...values].sort((a, b) => a - b);
  const place = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(place)] as number;
  const above = sorted[Math.ceil(place)] as number;
  return below + (above - below) * (place - Math.floor(place));
}

export function percentiles(values: readonly number[]): Percentiles {
  return { p50: percentile(values, 50), p90: percentile(values, 90), p99: percentile(values, 99) };
}

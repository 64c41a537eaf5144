/** Two results of a benchmark side by side, as ratios. */

import { type Failure, type Report, type Result, type ResultKey, type Success, sameKey } from './report/report.js';

/** The figures of a measurement that are compared, in the order they are shown. */
export const FIGURES = [
  'imagesPerSecond',
  'p50Ms',
  'p90Ms',
  'p99Ms',
  'peakMemory',
  'cpuSecondsPerImage',
  'modelReady',
  'firstResult',
] as const;

export type Figure = (typeof FIGURES)[number];

export interface Pair {
  readonly a: number;
  readonly b: number;
  /** b / a */
  readonly ratio: number;
}

export interface Match extends ResultKey {
  /** A figure that one of the two does not have is left out. */
  readonly figures: Readonly<Partial<Record<Figure, Pair>>> & { readonly imagesPerSecond: Pair };
}

/** A measurement that failed in one of the two, or in both. */
export interface FailedMatch extends ResultKey {
  readonly a: Failure['error'] | null;
  readonly b: Failure['error'] | null;
}

export interface Comparison {
  /** What the figures may differ by, besides the tool: machine, versions, model, settings. */
  readonly differences: readonly { readonly what: string; readonly a: string; readonly b: string }[];
  readonly matches: readonly Match[];
  readonly failed: readonly FailedMatch[];
  readonly onlyA: readonly ResultKey[];
  readonly onlyB: readonly ResultKey[];
}

export function compareReports(a: Report, b: Report): Comparison {
  const pairs = a.results.flatMap((left) => {
    const right = b.results.find((candidate) => sameKey(candidate, left));
    return right === undefined ? [] : [{ left, right }];
  });
  const matches: Match[] = [];
  const failed: FailedMatch[] = [];
  for (const { left, right } of pairs) {
    if (left.status === 'ok' && right.status === 'ok') matches.push(matchOf(left, right));
    else failed.push({ ...keyOf(left), a: errorOf(left), b: errorOf(right) });
  }
  const without = (results: readonly Result[], others: readonly Result[]) =>
    results.filter((result) => !others.some((other) => sameKey(other, result))).map(keyOf);
  return {
    differences: differencesOf(a, b),
    matches,
    failed,
    onlyA: without(a.results, b.results),
    onlyB: without(b.results, a.results),
  };
}

/**
 * The measurements that let B through or not: those with fewer than `minRatio` times the images a second of A, and those
 * that failed in B alone.
 */
export function belowRatio({ matches, failed }: Comparison, minRatio: number): readonly ResultKey[] {
  return [
    ...matches.filter(({ figures }) => figures.imagesPerSecond.ratio < minRatio),
    ...failed.filter(({ a, b }) => a === null && b !== null),
  ].map(keyOf);
}

function keyOf({ part, precision, batchSize, threads }: ResultKey): ResultKey {
  return { part, precision, batchSize, threads };
}

function errorOf(result: Result): Failure['error'] | null {
  return result.status === 'error' ? result.error : null;
}

function matchOf(a: Success, b: Success): Match {
  const [left, right] = [figuresOf(a), figuresOf(b)];
  const pairs = FIGURES.flatMap((figure) => {
    const [x, y] = [left[figure], right[figure]];
    return x === undefined || y === undefined ? [] : [[figure, { a: x, b: y, ratio: y / x }] as const];
  });
  return { ...keyOf(a), figures: Object.fromEntries(pairs) as unknown as Match['figures'] };
}

function figuresOf(result: Success): Partial<Record<Figure, number>> {
  const { imagesPerSecond, batchMs, peakMemory, cpuSecondsPerImage, startUp } = result;
  const { p50, p90, p99 } = batchMs;
  return { imagesPerSecond, p50Ms: p50, p90Ms: p90, p99Ms: p99, peakMemory, cpuSecondsPerImage, ...startUp };
}

function differencesOf(a: Report, b: Report): Comparison['differences'] {
  const [left, right] = [factsOf(a), factsOf(b)];
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((what) => {
    const [x, y] = [left[what], right[what]].map((value) => (value === undefined ? '-' : String(value)));
    return x === undefined || y === undefined || x === y ? [] : [{ what, a: x, b: y }];
  });
}

function factsOf({ machine, model, settings }: Report): Readonly<Record<string, unknown>> {
  const { images, ...others } = settings;
  return {
    CPU: machine.cpu.model,
    processors: machine.threads.available,
    ...machine.versions,
    model: model.name,
    weights: model.sha256 ?? model.source,
    ...others,
    images: `${images.count} ${images.kind}, ${images.bytes} bytes`,
  };
}

/** `vgg16 benchmark compare`: two files → ratios, as text or JSON, and the gate. */

import { ExitCode } from '../../errors.js';
import { printable } from '../../output/printable.js';
import { alignedColumns } from '../../output/rows/columns.js';
import {
  belowRatio,
  type Comparison,
  compareReports,
  type FailedMatch,
  FIGURES,
  type Figure,
  type Match,
} from '../../services/benchmark/compare.js';
import { readReport } from '../../services/benchmark/report/file.js';
import type { CommandContext } from '../command/context.js';
import { printJson } from '../terminal/print-json.js';
import { formatSpeed } from '../terminal/rate.js';
import type { Style } from '../terminal/style.js';
import { formatBytes, keyText } from './report/text.js';

export interface CompareFlags {
  readonly 'min-ratio'?: number | undefined;
  readonly json?: boolean | undefined;
}

/** Resolves to the exit code. */
export async function runCompare(
  a: string,
  b: string,
  flags: CompareFlags,
  { style, say }: CommandContext,
): Promise<ExitCode> {
  const comparison = compareReports(await readReport(a), await readReport(b));
  const minRatio = flags['min-ratio'];
  const below = minRatio === undefined ? [] : belowRatio(comparison, minRatio);
  // A gate through which nothing has gone has tested nothing.
  const passed = minRatio === undefined || (below.length === 0 && comparison.matches.length > 0);
  const exitCode = passed ? ExitCode.Ok : ExitCode.Gate;
  if (flags.json === true) {
    const gate = minRatio === undefined ? null : { minRatio, passed, below };
    printJson({ a, b, ...comparison, gate, exitCode }, 2);
    return exitCode;
  }
  process.stdout.write(`${comparisonText(comparison, { a, b }, style)}\n`);
  for (const key of below) {
    say(`${style.red('failed:')} ${keyText(key)} is below --min-ratio ${minRatio}`);
  }
  if (!passed && below.length === 0) {
    say(`${style.red('failed:')} nothing could be compared for --min-ratio ${minRatio}`);
  }
  return exitCode;
}

const TITLES: Readonly<Record<Figure, string>> = {
  imagesPerSecond: 'img/s',
  p50Ms: 'p50 ms',
  p90Ms: 'p90 ms',
  p99Ms: 'p99 ms',
  peakMemory: 'memory',
  cpuSecondsPerImage: 'CPU ms/img',
  modelReady: 'ready s',
  firstResult: 'first s',
};

export function comparisonText(comparison: Comparison, files: { a: string; b: string }, style: Style): string {
  const { differences, matches, failed, onlyA, onlyB } = comparison;
  const only = (name: string, keys: Comparison['onlyA']) => keys.map((key) => `only in ${name}: ${keyText(key)}`);
  const blocks = [
    [`A: ${printable(files.a)}`, `B: ${printable(files.b)}`],
    differences.map(
      ({ what, a, b }) => `${style.yellow('differs:')} ${printable(what)}: ${printable(a)} / ${printable(b)}`,
    ),
    matches.length === 0 ? ['Nothing to compare: no measurement is in both.'] : [matchTable(matches, style)],
    failed.flatMap(failedLines),
    [...only('A', onlyA), ...only('B', onlyB)],
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** One line a figure; the measurement is named in the first. */
function matchTable(matches: readonly Match[], { bold }: Style): string {
  const rows = matches.flatMap((match) =>
    FIGURES.flatMap((figure) => {
      const pair = match.figures[figure];
      if (pair === undefined) return [];
      const name = figure === FIGURES[0] ? keyText(match) : '';
      const ratio = pair.ratio.toFixed(2);
      return [[name, TITLES[figure], shown(figure, pair.a), shown(figure, pair.b), name === '' ? ratio : bold(ratio)]];
    }),
  );
  const head = ['', '', 'A', 'B', 'B/A'].map(bold);
  return alignedColumns([head, ...rows], ['left', 'left', 'right', 'right', 'right']);
}

function shown(figure: Figure, value: number): string {
  switch (figure) {
    case 'peakMemory':
      return formatBytes(value);
    case 'cpuSecondsPerImage':
      return formatSpeed(value * 1000);
    case 'modelReady':
    case 'firstResult':
      return value.toFixed(2);
    default:
      return formatSpeed(value);
  }
}

function failedLines(match: FailedMatch): string[] {
  return (['a', 'b'] as const).flatMap((side) => {
    const error = match[side];
    const name = side.toUpperCase();
    return error === null
      ? []
      : [`failed in ${name}: ${keyText(match)}: ${printable(error.code)}: ${printable(error.message)}`];
  });
}

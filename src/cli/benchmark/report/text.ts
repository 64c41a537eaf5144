/** The results of a benchmark as text: what was measured on what, then an aligned table. */

import { printable } from '../../../output/printable.js';
import { alignedColumns } from '../../../output/rows/columns.js';
import type { Report, Result, ResultKey, Success } from '../../../services/benchmark/report/report.js';
import { formatCount, formatSpeed } from '../../terminal/rate.js';
import type { Style } from '../../terminal/style.js';

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly text: (result: Success) => string;
  /** Left out where the terminal is too narrow, the highest number first. */
  readonly spare?: number;
}

/** Where there is no number. */
const NONE = '-';

const COLUMNS: readonly Column[] = [
  { title: 'Part', align: 'left', text: ({ part }) => part },
  { title: 'Type', align: 'left', text: ({ precision }) => precision ?? NONE },
  { title: 'Batch', align: 'right', text: ({ batchSize }) => String(batchSize) },
  { title: 'Threads', align: 'right', text: ({ threads }) => String(threads ?? NONE) },
  { title: 'img/s', align: 'right', text: ({ imagesPerSecond }) => formatSpeed(imagesPerSecond) },
  { title: 'p50 ms', align: 'right', text: ({ batchMs }) => formatSpeed(batchMs.p50) },
  { title: 'p90 ms', align: 'right', text: ({ batchMs }) => formatSpeed(batchMs.p90), spare: 4 },
  { title: 'p99 ms', align: 'right', text: ({ batchMs }) => formatSpeed(batchMs.p99) },
  { title: 'Memory', align: 'right', text: ({ peakMemory }) => formatBytes(peakMemory) },
  { title: 'CPU/img', align: 'right', text: ({ cpuSecondsPerImage }) => formatMs(cpuSecondsPerImage), spare: 3 },
  { title: 'Ready', align: 'right', text: ({ startUp }) => formatSeconds(startUp?.modelReady), spare: 5 },
  { title: 'First', align: 'right', text: ({ startUp }) => formatSeconds(startUp?.firstResult), spare: 1 },
  {
    title: 'Peak',
    align: 'right',
    text: ({ flops }) => (flops === null ? NONE : `${percent(flops.share)} %`),
    spare: 2,
  },
];

export interface ReportTextOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly style: Style;
}

export function reportText(report: Report, { width, style }: ReportTextOptions): string {
  const measured = report.results.filter((result) => result.status === 'ok');
  const table = measured.length === 0 ? [] : [tableText(measured, width, style)];
  const failures = report.results.filter((result) => result.status === 'error').map(failureText);
  return [headText(report), ...table, ...(failures.length === 0 ? [] : [failures.join('\n')])].join('\n\n');
}

/** `model, f32, batch 16, 2 threads`. */
export function keyText({ part, precision, batchSize, threads }: ResultKey): string {
  return [
    part,
    ...(precision === null ? [] : [printable(precision)]),
    `batch ${batchSize}`,
    ...(threads === null ? [] : [threadsText(threads)]),
  ].join(', ');
}

function threadsText(threads: number | null): string {
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

/** `model, bf16, batch 16, 2 threads: MODEL_INVALID: …`; empty for one that did not fail. */
export function failureText(result: Result): string {
  if (result.status === 'ok') return '';
  return `${keyText(result)}: ${result.error.code}: ${printable(result.error.message)}`;
}

/** Machine, model, images and settings, a line each. */
function headText({ machine, model, settings, complete, results }: Report): string {
  const { versions, cpu, threads } = machine;
  const { images, workers } = settings;
  const classes = model.classes === null ? 'no classifier' : `${formatCount(model.classes)} classes`;
  const photos = images.kind === 'synthetic' ? 'synthetic photos of 500x375 pixels' : 'of the images given';
  const kilobytes = formatCount(Math.round(images.bytes / Math.max(1, images.count) / 1000));
  return [
    `${printable(cpu.model)}, ${threads.available} of ${threads.processors} processors`,
    `vgg16 ${versions.vgg16}, TensorFlow ${versions.tensorflow ?? '?'}, sharp ${versions.sharp}, Node ${versions.node}`,
    `model ${printable(model.name)}: ${classes}, ${formatSpeed((2 * model.macs) / 1e9)} GFLOP an image`,
    `${images.count} ${photos}, ${kilobytes} kB each, decoded ${settings.decode}${workers === null ? '' : `, ${workers} at a time`}`,
    `${settings.runs} batches after ${settings.warmUp} of warm-up`,
    ...peakLines(results),
    ...(complete ? [] : ['interrupted: not everything was measured']),
  ].join('\n');
}

/** `peak by a matrix product: f32, 2 threads: 212 GFLOP/s`. */
function peakLines(results: readonly Result[]): string[] {
  const peaks = results.flatMap((result) => {
    if (result.status === 'error' || result.flops === null) return [];
    return [`${result.precision}, ${threadsText(result.threads)}: ${formatSpeed(result.flops.peak / 1e9)} GFLOP/s`];
  });
  const found = [...new Set(peaks)];
  return found.length === 0 ? [] : [`peak by a matrix product: ${found.join('; ')}`];
}

/** As many columns as fit; those that tell measurements apart always. */
function tableText(results: readonly Success[], width: number, { bold }: Style): string {
  const draw = (columns: readonly Column[], paint: (text: string) => string) =>
    alignedColumns(
      [columns.map(({ title }) => paint(title)), ...results.map((result) => columns.map(({ text }) => text(result)))],
      columns.map(({ align }) => align),
    );
  let columns = COLUMNS;
  while (widthOf(draw(columns, (text) => text)) > width) {
    const most = Math.max(...columns.map(({ spare = 0 }) => spare));
    if (most === 0) break;
    columns = columns.filter(({ spare }) => spare !== most);
  }
  return draw(columns, bold);
}

function widthOf(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length));
}

/** 312 MB, 1.9 GB */
export function formatBytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function formatMs(seconds: number): string {
  return `${formatSpeed(seconds * 1000)} ms`;
}

function formatSeconds(seconds: number | undefined): string {
  return seconds === undefined ? NONE : `${seconds.toFixed(2)} s`;
}

function percent(share: number): string {
  return (share * 100).toFixed(0);
}

/** Where the results of a benchmark go: stdout or a file, as a table, JSON or CSV. */

import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { usageError } from '../../../errors.js';
import { openDevice } from '../../../output/device-sink.js';

import { writeWhole } from '../../../output/files/draft.js';
import { printableTexts } from '../../../output/printable.js';
import { type CsvCell, csvEncoder } from '../../../output/rows/csv.js';
import type { Report, Result } from '../../../services/benchmark/report/report.js';
import { STDOUT } from '../../output/options.js';
import { printJson } from '../../terminal/print-json.js';
import type { Style } from '../../terminal/style.js';
import { reportText } from './text.js';

export interface ReportFlags {
  readonly output: string;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly csv?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export type ReportFormat = 'json' | 'csv' | 'table';

/** Columns of a table that is not on a terminal. */
const PLAIN_TABLE_WIDTH = 120;

const BY_EXTENSION: Readonly<Record<string, ReportFormat>> = { '.json': 'json', '.csv': 'csv' };

/** `--json` or `--csv`, else by the output's extension; a table on stdout. */
export function reportFormat({ output, json, csv }: ReportFlags): ReportFormat {
  if (json === true) return 'json';
  if (csv === true) return 'csv';
  if (output === STDOUT) return 'table';
  const format = BY_EXTENSION[extname(output).toLowerCase()];
  if (format === undefined) {
    throw usageError(
      `Expected an --output that ends with .json or .csv but received ${output}.`,
      'Add --json or --csv to write it all the same.',
    );
  }
  return format;
}

/** Beside a file, the table goes to stdout all the same: also where the file cannot be written, for it took minutes. */
export async function writeReport(
  report: Report,
  format: ReportFormat,
  { output, force, quiet }: ReportFlags,
  style: Style,
): Promise<void> {
  const table = () => `${reportText(report, { width: process.stdout.columns ?? PLAIN_TABLE_WIDTH, style })}\n`;
  if (output === STDOUT) {
    const { results } = report;
    if (format === 'json') printJson(report, 2);
    else if (format === 'table') process.stdout.write(table());
    else process.stdout.write(benchmarkCsv(process.stdout.isTTY === true ? printableTexts(results) : results));
    return;
  }
  const text = { json: () => `${JSON.stringify(report, null, 2)}\n`, csv: () => benchmarkCsv(report.results), table };
  if (quiet !== true) process.stdout.write(table());
  const device = await openDevice(output);
  if (device === undefined) {
    await writeWhole(output, { replace: force === true }, (path) => writeFile(path, text[format]()));
  } else {
    await device.write(text[format]());
    await device.finish();
  }
}

const HEADER = [
  ...['part', 'precision', 'batch_size', 'threads', 'workers', 'status', 'images', 'failed', 'seconds'],
  ...['images_per_second', 'p50_ms', 'p90_ms', 'p99_ms', 'peak_memory_bytes', 'cpu_seconds_per_image'],
  ...['model_ready_seconds', 'first_result_seconds', 'flops', 'peak_flops', 'share_of_peak', 'error'],
];

/** One line a result; what it does not have is empty. */
export function benchmarkCsv(results: readonly Result[]): string {
  const { header, encode } = csvEncoder<Result>(HEADER, (result) => [cells(result)]);
  return header() + encode(results);
}

function cells(result: Result): CsvCell[] {
  const { part, precision, batchSize, threads, workers, status } = result;
  const key = [part, precision, batchSize, threads, workers, status];
  if (result.status === 'error') {
    const blank = HEADER.slice(key.length, -1).map(() => '');
    return [...key.map((cell) => cell ?? ''), ...blank, `${result.error.code}: ${result.error.message}`];
  }
  const { images, failed, seconds, imagesPerSecond, batchMs, peakMemory, cpuSecondsPerImage, startUp, flops } = result;
  return [
    ...[...key, images, failed, seconds, imagesPerSecond, batchMs.p50, batchMs.p90, batchMs.p99, peakMemory],
    ...[cpuSecondsPerImage, startUp?.modelReady, startUp?.firstResult, flops?.achieved, flops?.peak, flops?.share, ''],
  ].map((cell) => cell ?? '');
}

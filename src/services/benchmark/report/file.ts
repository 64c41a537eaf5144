/** Reads what `benchmark --json` wrote. The file may be anything: every field that is used is checked. */

import { readFile, stat } from 'node:fs/promises';
import { usageError } from '../../../errors.js';
import { PARTS, REPORT_VERSION, type Report } from './report.js';

/** A result takes 800 bytes: a file that is larger is some other file. */
const MAX_REPORT_BYTES = 10e6;

/** Throws a usage error that names the file and what is wrong with it. */
export async function readReport(file: string): Promise<Report> {
  let parsed: unknown;
  try {
    const { size } = await stat(file);
    if (size > MAX_REPORT_BYTES) throw new Error(`${size} bytes`);
    parsed = JSON.parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    throw foreign(file, reasonOf(error));
  }
  checkReport(parsed, file);
  return parsed;
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is not JSON';
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'it does not exist' : `received: ${code ?? message}`;
}

/** Throws a usage error unless `value` is a report, down to the fields that a comparison reads. */
export function checkReport(value: unknown, file: string): asserts value is Report {
  const expect = (ok: boolean, expected: string, received: unknown) => {
    if (!ok) throw foreign(file, `expected ${expected} but received ${shown(received)}`);
  };
  const report = fields(value);
  expect(report.tool === 'vgg16' && report.command === 'benchmark', 'the command "benchmark"', report.command);
  expect(report.v === REPORT_VERSION, `version ${REPORT_VERSION} of the document`, report.v);
  const [machine, model, settings] = [fields(report.machine), fields(report.model), fields(report.settings)];
  expect(typeof fields(machine.cpu).model === 'string', 'a text as machine.cpu.model', fields(machine.cpu).model);
  expect(Number.isInteger(fields(machine.threads).available), 'machine.threads', machine.threads);
  expect(isFlat(machine.versions), 'texts in machine.versions', machine.versions);
  expect(typeof model.name === 'string', 'a text as model.name', model.name);
  expect(isFlat({ ...settings, images: null }), 'settings', report.settings);
  expect(isFlat(settings.images), 'settings.images', settings.images);
  expect(Array.isArray(report.results), 'a list as results', report.results);
  for (const [i, result] of (report.results as unknown[]).entries())
    checkResult(fields(result), `results[${i}]`, expect);
}

type Expect = (ok: boolean, expected: string, received: unknown) => void;

function checkResult(result: Fields, name: string, expect: Expect): void {
  const count = (key: string, nullable: boolean) =>
    expect(
      isPositive(result[key]) || (nullable && result[key] === null),
      `a number above 0 as ${name}.${key}`,
      result[key],
    );
  const isPart = PARTS.some((part) => part === result.part);
  expect(isPart, `one of ${PARTS.join(', ')} as ${name}.part`, result.part);
  expect(result.precision === null || typeof result.precision === 'string', `${name}.precision`, result.precision);
  count('batchSize', false);
  count('threads', true);
  count('workers', true);
  expect(result.status === 'ok' || result.status === 'error', `ok or error as ${name}.status`, result.status);
  if (result.status === 'error') {
    const { code, message } = fields(result.error);
    expect(typeof code === 'string' && typeof message === 'string', `${name}.error`, result.error);
    return;
  }
  count('imagesPerSecond', false);
  count('peakMemory', false);
  count('cpuSecondsPerImage', false);
  const { p50, p90, p99 } = fields(result.batchMs);
  expect([p50, p90, p99].every(isPositive), `numbers above 0 as ${name}.batchMs`, result.batchMs);
  const { modelReady, firstResult } = fields(result.startUp);
  const started = isPositive(modelReady) && isPositive(firstResult);
  expect(result.startUp === null || started, `${name}.startUp`, result.startUp);
}

type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object; of anything else, none. */
function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

/** An object of texts, numbers, switches and nulls. */
function isFlat(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((each) => typeof each !== 'object' || each === null)
  );
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** Longest piece of a strange file in a message, in characters. */
const MAX_SHOWN = 60;

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, MAX_SHOWN);
}

function foreign(file: string, reason: string): Error {
  return usageError(
    `Expected the results of vgg16 benchmark in ${file} but ${reason}.`,
    'Write them by vgg16 benchmark -o results.json',
  );
}

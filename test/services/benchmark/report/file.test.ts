import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { comparisonText } from '../../../../src/cli/benchmark/compare.js';
import { styleOf } from '../../../../src/cli/terminal/style.js';
import { ExitCode } from '../../../../src/errors.js';
import { compareReports } from '../../../../src/services/benchmark/compare.js';
import { checkReport, readReport } from '../../../../src/services/benchmark/report/file.js';
import { DECODE, failure, report, success } from './reports.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg16-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, 'results.json');
  writeFileSync(file, text);
  return file;
}

describe('readReport', () => {
  it('gives back what was written', async () => {
    const written = report({ results: [success(), DECODE, failure({ precision: 'bf16' })] });
    expect(await readReport(fileOf(JSON.stringify(written)))).toEqual(written);
  });

  it.each([
    ['nothing', ''],
    ['half of a document', JSON.stringify(report()).slice(0, 300)],
    ['text', 'part,precision\n'],
    ['null', 'null'],
    ['a list', '[]'],
    ['the record of a run', '{"v":1,"tool":"vgg16","command":"classify"}'],
    ['another program', '{"v":1,"tool":"hyperfine","command":"benchmark","results":[]}'],
    ['a later version', JSON.stringify({ ...report(), v: 2 })],
  ])('refuses %s as a usage error that names the file', async (_, text) => {
    const file = fileOf(text);
    const error = await readReport(file).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'USAGE', exitCode: ExitCode.Usage });
    expect(String(error)).toContain(`Expected the results of vgg16 benchmark in ${file} but`);
  });

  it('refuses a file that is not there and one that is too large', async () => {
    await expect(readReport(join(folder, 'none.json'))).rejects.toThrow('it does not exist');
    await expect(readReport(folder)).rejects.toMatchObject({ exitCode: ExitCode.Usage });
    await expect(readReport(fileOf(' '.repeat(10_000_001)))).rejects.toThrow('10000001 bytes');
  });
});

/** Everything that is nested in a value, as paths. */
function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [[...path], ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

function withChange(path: readonly string[], change: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(report({ results: [success(), failure({ part: 'pipeline' })] })));
  let parent = copy;
  for (const key of path.slice(0, -1)) parent = parent[key];
  parent[path.at(-1) as string] = change;
  return copy;
}

describe('checkReport', () => {
  const paths = pathsOf(withChange(['v'], 1)).filter((path) => path.length > 0);

  it.each([
    ['results.0.imagesPerSecond', 0],
    ['results.0.imagesPerSecond', '8'],
    ['results.0.imagesPerSecond', null],
    ['results.0.part', 'paint'],
    ['results.0.batchSize', -1],
    ['results.0.status', 'maybe'],
    ['results.0.batchMs.p90', null],
    ['results.0.startUp', 3],
    ['results.1.error', 'text'],
    ['machine.cpu.model', 7],
    ['model.name', undefined],
  ])('refuses %s = %j', (path, change) => {
    expect(() => checkReport(withChange(path.split('.'), change), 'x.json')).toThrow(/in x\.json but expected/);
  });

  it('never fails but by its own error, nor does the comparison, whatever is put where', () => {
    expect(paths.length).toBeGreaterThan(60);
    for (const path of paths) {
      for (const change of [undefined, null, 'text', -1, [], {}, [null], { a: { b: 1 } }]) {
        try {
          const changed = withChange(path, change);
          checkReport(changed, 'x.json');
          comparisonText(compareReports(changed, report()), { a: 'x.json', b: 'y.json' }, styleOf(false));
        } catch (error) {
          expect(String(error), `${path.join('.')} = ${JSON.stringify(change)}`).toContain('Expected the results of');
        }
      }
    }
  });
});

import { parse } from 'csv-parse/sync';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { comparisonText } from '../../../src/cli/benchmark/compare.js';
import { benchmarkCsv, reportFormat } from '../../../src/cli/benchmark/report/output.js';
import { keyText, reportText } from '../../../src/cli/benchmark/report/text.js';
import { listOf } from '../../../src/cli/flags/benchmark.js';
import { FlagValueError, oneOf, whole, wholeOrAuto } from '../../../src/cli/flags/values.js';
import { styleOf } from '../../../src/cli/terminal/style.js';
import { compareReports } from '../../../src/services/benchmark/compare.js';
import { DECODE, failure, report, success } from '../../services/benchmark/report/reports.js';

describe('lists in flags', () => {
  it('are separated by commas, each value once, in order', () => {
    expect(listOf(whole({ min: 1, max: 512 }))('64, 1,16,1')).toEqual([64, 1, 16]);
    expect(listOf(wholeOrAuto({ min: 1, max: 512 }))('auto,8')).toEqual(['auto', 8]);
    expect(listOf(oneOf(['f32', 'bf16']))('bf16')).toEqual(['bf16']);
  });

  it.each(['', ',', '1,', '1;2', '1,,2', '0', '1,513', 'auto', '1 2'])('refuse %j, naming the range', (text) => {
    const read = () => listOf(whole({ min: 1, max: 512 }))(text);
    expect(read).toThrow(FlagValueError);
    expect(read).toThrow(/^Expected a whole number from 1 to 512, or several separated by commas but received/);
  });

  it('refuse a word that is none of theirs', () => {
    expect(() => listOf(oneOf(['model', 'decode']))('model,paint')).toThrow('one of model, decode, or several');
  });
});

describe('reportFormat', () => {
  it.each([
    [{ output: '-' }, 'table'],
    [{ output: '-', json: true }, 'json'],
    [{ output: '-', csv: true }, 'csv'],
    [{ output: 'a.json' }, 'json'],
    [{ output: 'a.CSV' }, 'csv'],
    [{ output: 'a.txt', json: true }, 'json'],
    [{ output: 'a.json', csv: true }, 'csv'],
  ] as const)('%j is %s', (flags, expected) => {
    expect(reportFormat(flags)).toBe(expected);
  });

  it('refuses an extension that does not say', () => {
    expect(() => reportFormat({ output: 'a.txt' })).toThrow('Expected an --output that ends with .json or .csv');
  });
});

const MIXED = report({ results: [DECODE, success(), failure({ precision: 'bf16' })] });

describe('reportText', () => {
  const text = reportText(MIXED, { width: 120, style: styleOf(false) });

  it('says what was measured on what, then the results', () => {
    expect(text).toBe(`Xeon, 2 of 4 processors
vgg16 0.1.0, TensorFlow 2.21.0, sharp 0.35.5, Node 20.20.2
model random: 1,000 classes, 30.9 GFLOP an image
8 synthetic photos of 500x375 pixels, 110 kB each, decoded exact, 4 at a time
10 batches after 2 of warm-up
peak by a matrix product: f32, 2 threads: 260 GFLOP/s

Part    Type  Batch  Threads  img/s  p50 ms  p90 ms  p99 ms  Memory  CPU/img   Ready   First  Peak
decode  -        64        -    500     128     130     140  1.9 GB   250 ms       -       -     -
model   f32      16        2    8.0   2,000   2,100   2,200  1.9 GB   250 ms  2.00 s  2.50 s  95 %

model, bf16, batch 16, 2 threads: INTERNAL: The measuring process ended with SIGKILL (out of memory?).`);
  });

  it.each([80, 60])('leaves out columns until the table fits into %d', (width) => {
    const table = reportText(MIXED, { width, style: styleOf(false) }).split('\n\n')[1] ?? '';
    expect(Math.max(...table.split('\n').map((line) => stringWidth(line)))).toBeLessThanOrEqual(width);
    expect(table).toMatch(/^Part +Type +Batch +Threads +img\/s +p50 ms +/);
  });

  it('says that it was interrupted', () => {
    expect(reportText({ ...MIXED, complete: false }, { width: 120, style: styleOf(false) })).toContain('interrupted');
    expect(text).not.toContain('interrupted');
  });

  it('shows a report without a single success', () => {
    const failed = reportText(report({ results: [failure()] }), { width: 80, style: styleOf(false) });
    expect(failed).toContain('INTERNAL');
    expect(failed).not.toContain('img/s');
  });
});

describe('keyText', () => {
  it('names a measurement', () => {
    expect(keyText(DECODE)).toBe('decode, batch 64');
    expect(keyText(success({ threads: 1 }))).toBe('model, f32, batch 16, 1 thread');
  });
});

describe('benchmarkCsv', () => {
  it('has a cell for every column in every row', () => {
    const rows: Record<string, string>[] = parse(benchmarkCsv(MIXED.results), { columns: true });
    expect(rows).toHaveLength(3);
    expect(rows[1]).toEqual({
      ...{ part: 'model', precision: 'f32', batch_size: '16', threads: '2', workers: '', status: 'ok' },
      ...{ images: '160', failed: '0', seconds: '20', images_per_second: '8' },
      ...{ p50_ms: '2000', p90_ms: '2100', p99_ms: '2200', peak_memory_bytes: '1900000000' },
      ...{ cpu_seconds_per_image: '0.25', model_ready_seconds: '2', first_result_seconds: '2.5' },
      ...{ flops: '247000000000', peak_flops: '260000000000', share_of_peak: '0.95', error: '' },
    });
    expect(rows[0]).toMatchObject({ part: 'decode', precision: '', threads: '', workers: '4', share_of_peak: '' });
    expect(rows[2]).toMatchObject({ precision: 'bf16', status: 'error', images: '', p50_ms: '' });
    expect(rows[2]?.error).toMatch(/^INTERNAL: The measuring process ended/);
  });
});

describe('comparisonText', () => {
  it('shows both figures and their ratio, what differs and what is in one only', () => {
    const other = report({ results: [success({ imagesPerSecond: 12 }), success({ part: 'pipeline', workers: 4 })] });
    const changed = { ...other, machine: { ...other.machine, cpu: { model: 'EPYC', features: [] } } };
    expect(
      comparisonText(compareReports(report(), changed), { a: 'a.json', b: 'b.json' }, styleOf(false)),
    ).toBe(`A: a.json
B: b.json

differs: CPU: Xeon / EPYC

                                                  A       B   B/A
model, f32, batch 16, 2 threads  img/s          8.0    12.0  1.50
                                 p50 ms       2,000   2,000  1.00
                                 p90 ms       2,100   2,100  1.00
                                 p99 ms       2,200   2,200  1.00
                                 memory      1.9 GB  1.9 GB  1.00
                                 CPU ms/img     250     250  1.00
                                 ready s       2.00    2.00  1.00
                                 first s       2.50    2.50  1.00

only in A: decode, batch 64
only in B: pipeline, f32, batch 16, 2 threads`);
  });

  it('says so where nothing can be compared', () => {
    const [a, b] = [report({ results: [success()] }), report({ results: [failure()] })];
    const text = comparisonText(compareReports(a, b), { a: 'a', b: 'b' }, styleOf(false));
    expect(text).toContain('Nothing to compare');
    expect(text).toContain('failed in B: model, f32, batch 16, 2 threads: INTERNAL: ');
  });
});

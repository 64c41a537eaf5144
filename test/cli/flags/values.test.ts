import { describe, expect, it } from 'vitest';
import { parseExtensions } from '../../../src/cli/flags/input.js';
import { parseMaxErrors } from '../../../src/cli/flags/run.js';
import { parseDecimal, parseWhole, variableOf } from '../../../src/cli/flags/values.js';
import { formatOf } from '../../../src/cli/output/options.js';

describe('values of flags', () => {
  it.each([
    ['1', 1],
    ['512', 512],
    ['1_000', 1000],
    ['1e3', 1000],
  ])('reads the whole number %s', (text, value) => {
    expect(parseWhole(text, { min: 1, max: 1000 })).toBe(value);
  });

  it.each(['0', '1001', '-1', '1.5', '', ' 1', '0x10', 'ten', '1e400', '1__0'])(
    'refuses %j, naming the range',
    (text) => {
      expect(() => parseWhole(text, { min: 1, max: 1000 })).toThrow(
        /Expected a whole number from 1 to 1000 but received/,
      );
    },
  );

  it('reads decimals within their range, and nothing that only looks like one', () => {
    expect(['0', '1', '.5', '1e-3'].map((text) => parseDecimal(text, { min: 0, max: 1 }))).toEqual([0, 1, 0.5, 0.001]);
    for (const text of ['', 'NaN', '-0.1', '1.01', '0x1', '1,5', 'Infinity']) {
      expect(() => parseDecimal(text, { min: 0, max: 1 }), text).toThrow('a number from 0 to 1');
    }
  });

  it('reads allowances as a number of images or a share', () => {
    expect(parseMaxErrors('10')).toEqual({ count: 10 });
    expect(parseMaxErrors('2.5%')).toEqual({ percent: 2.5 });
    for (const text of ['-1', '101%', '%', '1.5', 'all']) expect(() => parseMaxErrors(text), text).toThrow('5%');
  });

  it('reads lists of extensions with and without dots, in any case', () => {
    expect(parseExtensions('jpg, .PNG,tar.gz')).toEqual(['jpg', 'png', 'tar.gz']);
    for (const text of ['', 'jpg,', '*.jpg', 'a b']) expect(() => parseExtensions(text), text).toThrow('jpg,png');
  });

  it('names the variable of a flag', () => {
    expect(variableOf('top-k')).toBe('VGG16_TOP_K');
  });
});

describe('formatOf', () => {
  it.each([
    [undefined, '-', true, 'table'],
    [undefined, '-', false, 'csv'],
    [undefined, 'a.csv', true, 'csv'],
    [undefined, 'a.JSONL', false, 'jsonl'],
    [undefined, 'a.ndjson', false, 'jsonl'],
    [undefined, 'a', true, 'csv'],
    ['jsonl', 'a.csv', true, 'jsonl'],
    ['csv', '-', true, 'csv'],
    ['csv', 'a.json', false, 'csv'],
  ] as const)('--format %s -o %s on a terminal: %s → %s', (format, output, terminal, expected) => {
    expect(formatOf(format, output, terminal)).toBe(expected);
  });

  it('refuses an extension that promises another format', () => {
    expect(() => formatOf(undefined, 'a.json', false)).toThrow('ends with .csv or .jsonl');
  });
});

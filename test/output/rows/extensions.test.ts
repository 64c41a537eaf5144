import { expect, test } from 'vitest';
import {
  checkCompression,
  checkName,
  endingsOf,
  formatByName,
  isForeign,
} from '../../../src/output/rows/extensions.js';

test.each([
  ['x.csv', 'csv'],
  ['x.CSV.gz', 'csv'],
  ['x.ndjson.zst', 'jsonl'],
  ['x.parquet', 'parquet'],
  ['x.parquet.gz', 'parquet'],
  ['x', undefined],
  ['x.gz', undefined],
  ['run.2024', undefined],
])('%s says %s', (name, format) => {
  expect(formatByName(name)).toBe(format);
  expect(isForeign(name)).toBe(false);
});

test.each([
  ...[
    'x.json',
    'x.xlsx',
    'x.npz',
    'x.JSON.gz',
    'x.csv.bz2',
    'x.csv.gz.gz',
    'x.csv.zip',
    'photo.JPG',
    'x.tsv',
    'x.html',
  ],
])('%s is foreign to every command', (name) => {
  expect(formatByName(name)).toBeUndefined();
  expect(isForeign(name)).toBe(true);
});

test('endings are named as they are typed', () => {
  expect(endingsOf(['csv', 'jsonl'])).toBe('.csv or .jsonl (also .csv.gz, .csv.zst, .jsonl.gz, .jsonl.zst)');
  expect(endingsOf(['npy'])).toBe('.npy');
});

test('only text is compressed', () => {
  for (const format of ['csv', 'jsonl', 'table']) checkCompression('x.gz', format);
  checkCompression('x.npy', 'npy');
  for (const format of ['npy', 'parquet', 'safetensors']) {
    expect(() => checkCompression(`x.${format}.zst`, format)).toThrow(`${format} is not compressed`);
  }
});

test('rows are joined in the format of the parts, under no name of another', () => {
  for (const name of ['x.csv', 'x.csv.gz', 'x.csv.zst', 'x', 'all.2024']) checkName(name, 'csv');
  for (const name of ['x.jsonl', 'x.xlsx', 'x.npy', 'x.jsonl.gz']) {
    expect(() => checkName(name, 'csv')).toThrow(`since the parts are csv, but received ${name}`);
  }
  expect(() => checkName('x.npz', 'npy')).toThrow('ends with .npy since');
  expect(() => checkName('x.npy.gz', 'npy')).toThrow('npy is not compressed');
});

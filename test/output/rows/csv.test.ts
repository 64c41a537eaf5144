import { describe, expect, it } from 'vitest';
import { classifyCsv, classifyLongCsv } from '../../../src/output/rows/csv.js';
import { FAILED, OK } from './rows.js';

/** A reader after RFC 4180, written for this test alone: quotes, doubled quotes, line ends inside quotes. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '\n') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

describe('classifyCsv', () => {
  const csv = classifyCsv({ topK: 2, scores: 'prob' });

  it('has the documented columns, also before no row at all', () => {
    expect(csv.header()).toBe('path,status,width,height,class_1,label_1,prob_1,class_2,label_2,prob_2,error\n');
    expect(csv.encode([])).toBe('');
  });

  it('writes a row with quoted labels and the shortest numbers', () => {
    expect(csv.encode([OK])).toBe('a/b.jpg,ok,640,480,281,"tabby, tabby cat",0.531,285,"Egyptian ""cat""",0.1,\n');
  });

  it('gives a failed image empty cells and its error, and its path comes back byte for byte', () => {
    const [cells] = parseCsv(csv.encode([FAILED]));
    expect(cells).toEqual([
      FAILED.path,
      'error',
      ...Array(8).fill(''),
      'DECODE_FAILED: Expected a whole JPEG but it is cut off.',
    ]);
  });

  it('leaves cells empty where the threshold has cut the list', () => {
    const [cells] = parseCsv(csv.encode([{ ...OK, top: OK.top.slice(0, 1) }]));
    expect(cells?.slice(4)).toEqual(['281', 'tabby, tabby cat', '0.531', '', '', '', '']);
  });

  it('quotes a lone carriage return, which some readers take for the end of a line', () => {
    expect(csv.encode([{ ...FAILED, path: 'a\rb' }])).toMatch(/^"a\rb",error/);
  });

  it('writes logits in place of probabilities, or both', () => {
    expect(classifyCsv({ topK: 1, scores: 'logit' }).header()).toContain('label_1,logit_1,error');
    const both = classifyCsv({ topK: 1, scores: 'both' });
    expect(both.header()).toContain('label_1,prob_1,logit_1,error');
    expect(both.encode([OK])).toContain(',0.531,11.25,');
  });
});

describe('classifyLongCsv', () => {
  const csv = classifyLongCsv({ scores: 'prob' });

  it('writes one line a class', () => {
    expect(csv.header()).toBe('path,rank,class,label,prob\n');
    expect(parseCsv(csv.encode([OK]))).toEqual([
      ['a/b.jpg', '1', '281', 'tabby, tabby cat', '0.531'],
      ['a/b.jpg', '2', '285', 'Egyptian "cat"', '0.1'],
    ]);
  });

  it('keeps one line for an image that failed and for one without a class above the threshold', () => {
    expect(parseCsv(csv.encode([FAILED, { ...OK, top: [] }]))).toEqual([
      [FAILED.path, '', '', '', ''],
      ['a/b.jpg', '', '', '', ''],
    ]);
  });
});

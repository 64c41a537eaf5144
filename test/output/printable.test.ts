import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { printable, printableJson, printableLines, printableTexts } from '../../src/output/printable.js';

describe('printable', () => {
  it.each([
    ['a title that is set', 'a\u001B]0;x\u0007', 'a\\e]0;x\\x07'],
    ['line ends', 'a\r\nb', 'a\\r\\nb'],
    ['C1 controls', '\u0085\u009B31m', '\\x85\\x9b31m'],
    ['DEL and backspace', '\u007F\u0008', '\\x7f\\x08'],
    ['the writing direction', 'c\u202Egpj', 'c\\u202egpj'],
    ['what has no width', '\u200B\uFEFF', '\\u200b\\ufeff'],
    ['tags beyond the first plane', '\u{E0041}', '\\u{e0041}'],
    ['half a pair', '\uD800', '\\ud800'],
    ['line separators', '\u2028\u2029', '\\u2028\\u2029'],
  ])('shows %s', (_name, text, shown) => {
    expect(printable(text)).toBe(shown);
    expect(printable(shown)).toBe(shown);
  });

  it('leaves words alone, also emoji and scripts that need joiners', () => {
    for (const text of ['Käse 写真.jpg', '👩\u200D🚀', 'نام\u200Cه', 'a\\nb']) expect(printable(text)).toBe(text);
  });
});

describe('printableJson', () => {
  const value = { 'k\u009B': ['\u202E\u007F', '\u{E0041}\uD800', 'a\nb\u001B', '👩\u200D🚀'] };

  it.each([undefined, 2])('is the same JSON, without what disturbs a terminal (indent %s)', (indent) => {
    const json = printableJson(JSON.stringify(value, null, indent));
    expect(JSON.parse(json)).toEqual(value);
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202E]/u);
    expect(json.split('\n')).toHaveLength(indent === undefined ? 1 : 8);
  });
});

describe('printableLines', () => {
  it('keeps the lines', () => {
    expect(printableLines('Error: a\u0007\n    at b')).toBe('Error: a\\x07\n    at b');
  });
});

describe('printableTexts', () => {
  it('shows every text in plain data, and leaves numbers, arrays of them and the data itself alone', () => {
    const values = new Float32Array([1, 2]);
    const row = { path: 'a\u0007', top: [{ label: '\u009B', prob: 0.5 }], error: null, layers: [{ values }] };
    const shown = printableTexts(row);
    expect(shown).toEqual({ path: 'a\\x07', top: [{ label: '\\x9b', prob: 0.5 }], error: null, layers: [{ values }] });
    expect(shown.layers[0]?.values).toBe(values);
    expect(row.path).toBe('a\u0007');
  });
});

describe('the sources', () => {
  const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
  const writers = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      name.endsWith('.ts') &&
      /process\.(stdout|stderr)\.write|this\.log\(/.test(readFileSync(join(SOURCE, name), 'utf8')),
  );

  it('write to the terminal themselves only where that was looked at: test/e2e/terminal.e2e.test.ts runs each', () => {
    expect(writers.sort()).toEqual([
      'cli/benchmark/compare.ts',
      'cli/benchmark/report/output.ts',
      'cli/command/base-command.ts',
      'cli/doctor.ts',
      'cli/model/inspect.ts',
      'cli/model/list.ts',
      'cli/model/verify.ts',
      'cli/run/download.ts',
      'cli/terminal/print-json.ts',
    ]);
  });

  it('print JSON in one place', () => {
    const others = writers.filter((name) =>
      /write\([^\n]*JSON\.stringify/.test(readFileSync(join(SOURCE, name), 'utf8')),
    );
    expect(others).toEqual([]);
  });
});

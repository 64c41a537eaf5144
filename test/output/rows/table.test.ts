import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { printable } from '../../../src/output/printable.js';
import type { ClassifyRow } from '../../../src/output/rows/records.js';
import { classifyTable } from '../../../src/output/rows/table.js';
import { FAILED, OK } from './rows.js';

const same = (text: string) => text;
const paint = { bold: same, dim: same, red: same };
const table = (width: number, long = false) =>
  classifyTable({ width, scores: 'prob', long, labels: ['tabby, tabby cat', 'Egyptian "cat"'], paint });

describe('classifyTable', () => {
  it('aligns the columns, the best class first and the others in brief', () => {
    expect(table(80).encode([OK]).split('\n')).toEqual([
      'path          label               score',
      'a/b.jpg       tabby, tabby cat   53.1 %  Egyptian "cat" 10.0 %',
      '',
    ]);
  });

  it('never passes the width of the terminal, with wide, long and hostile names', () => {
    const names = [
      '日本語の写真がたくさん入っている.jpg',
      `${'deep/'.repeat(30)}x.jpg`,
      '👩‍👩‍👧‍👦'.repeat(30),
      FAILED.path,
    ];
    for (const width of [40, 80, 140]) {
      const rows: ClassifyRow[] = [...names.map((path) => ({ ...OK, path })), FAILED];
      const lines = table(width).encode(rows).trimEnd().split('\n');
      expect(lines).toHaveLength(rows.length + 1);
      for (const line of lines) expect(stringWidth(line), line).toBeLessThanOrEqual(Math.max(width, 50));
    }
  });

  it('shortens a path at its beginning: the name of the file stays', () => {
    expect(table(60).encode([{ ...OK, path: `${'deep/'.repeat(30)}cat.jpg` }])).toMatch(/\n….*cat\.jpg {2}/);
  });

  it('writes its heading once, and one line a class when long', () => {
    const encoder = table(80, true);
    encoder.encode([OK]);
    expect(encoder.encode([OK]).trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('printable', () => {
  it('shows what could disturb a terminal, and leaves text and emoji alone', () => {
    expect(printable('a\nb\u001B[31m\u0007\u009B\u202Ec\u200B\uD800')).toBe(
      'a\\nb\\e[31m\\x07\\x9b\\u202ec\\u200b\\ud800',
    );
    expect(printable('é 日本 👩‍👧 f.jpg')).toBe('é 日本 👩‍👧 f.jpg');
  });
});

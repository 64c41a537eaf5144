import { describe, expect, it } from 'vitest';
import { classifyJsonl, reindexJsonl } from '../../../src/output/rows/jsonl.js';
import { FAILED, OK } from './rows.js';

describe('classifyJsonl', () => {
  it('writes the documented keys in the documented order', () => {
    expect(classifyJsonl({ scores: 'prob' }).encode([OK])).toBe(
      '{"v":1,"path":"a/b.jpg","index":12,"status":"ok","width":640,"height":480,"top":[' +
        '{"rank":1,"class":281,"label":"tabby, tabby cat","prob":0.531},' +
        '{"rank":2,"class":285,"label":"Egyptian \\"cat\\"","prob":0.1}]}\n',
    );
  });

  it('writes a failed image with its code, on one line whatever its name holds', () => {
    const line = classifyJsonl({ scores: 'prob' }).encode([FAILED]);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(line).not.toContain('\u001B');
    const { identity: _, ...shown } = FAILED;
    expect(JSON.parse(line)).toEqual({ v: 1, ...shown });
  });

  it('writes the scores that were asked for', () => {
    expect(classifyJsonl({ scores: 'logit' }).encode([OK])).toContain('"label":"tabby, tabby cat","logit":11.25}');
    expect(classifyJsonl({ scores: 'both' }).encode([OK])).toContain('"prob":0.531,"logit":11.25}');
  });
});

describe('reindexJsonl', () => {
  const moved = (row: typeof OK | typeof FAILED, index: number) =>
    classifyJsonl({ scores: 'prob' }).encode([{ ...row, index }]);

  it.each([OK, FAILED])('gives the record that the image would have at its new place', (row) => {
    for (const [from, to] of [
      [0, 7],
      [12, 3],
      [9, 1_000_000],
    ] as const) {
      const text = reindexJsonl(Buffer.from(moved(row, from)), row.path, from, to);
      expect(text.toString()).toBe(moved(row, to));
    }
  });

  it('changes every line of a row that has several', () => {
    const lines = (index: number) => `{"v":1,"path":"\\"index\\":3,","index":${index},"layer":"fc6"}\n`.repeat(3);
    expect(reindexJsonl(Buffer.from(lines(3)), '"index":3,', 3, 14).toString()).toBe(lines(14));
  });

  it('throws on a record of another path or index', () => {
    expect(() => reindexJsonl(Buffer.from(moved(OK, 1)), OK.path, 2, 3)).toThrow(
      'Expected the record of a/b.jpg at 2.',
    );
    expect(() => reindexJsonl(Buffer.from(moved(OK, 1)), 'other.jpg', 1, 3)).toThrow('other.jpg');
  });
});

import { describe, expect, it } from 'vitest';
import { classifyJsonl } from '../../src/output/jsonl.js';
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
    expect(JSON.parse(line)).toEqual({ v: 1, ...FAILED });
  });

  it('writes the scores that were asked for', () => {
    expect(classifyJsonl({ scores: 'logit' }).encode([OK])).toContain('"label":"tabby, tabby cat","logit":11.25}');
    expect(classifyJsonl({ scores: 'both' }).encode([OK])).toContain('"prob":0.531,"logit":11.25}');
  });
});

import { describe, expect, it } from 'vitest';
import { IMAGENET_LABELS } from '../../src/model/imagenet-labels.js';
import { MAX_LABEL_CHARACTERS, parseLabels } from '../../src/model/labels.js';

describe('parseLabels', () => {
  it.each([
    ['lines', 'cat\ndog\nowl\n'],
    ['lines of Windows with a byte order mark', '\uFEFFcat\r\ndog\r\nowl\r\n\r\n'],
    ['a JSON list', '["cat", "dog", "owl"]'],
    ['a JSON object by index, in any order', '{"2": "owl", "0": "cat", "1": "dog"}'],
    ["Keras's class index", '{"0": ["n02121808", "cat"], "1": ["n02084071", "dog"], "2": ["n01621127", "owl"]}'],
  ])('reads %s', (_what, text) => {
    expect(parseLabels(text, 'labels')).toEqual(['cat', 'dog', 'owl']);
  });

  it('keeps commas, quotes and repeated labels as they are', () => {
    expect(parseLabels('crane\n"tench", Tinca\ncrane', 'l')).toEqual(['crane', '"tench", Tinca', 'crane']);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['only white space', '\uFEFF \r\n', 'is empty'],
    ['an empty line between', 'cat\n\nowl', 'line 2'],
    ['an empty list', '[]', 'empty list'],
    ['an empty object', '{}', 'empty object'],
    ['a gap', '{"0": "cat", "2": "owl"}', '1 is missing'],
    ['an index twice', '{"0": "cat", "0": "dog"}', 'occurs twice'],
    ['a key that is no index', '{"cat": "0"}', '"cat"'],
    ['an index with a leading zero', '{"0": "a", "01": "b"}', '"01"'],
    ['a number as label', '["cat", 3]', 'class 1'],
    ['an empty label', '["cat", " "]', 'class 1'],
    ['a Keras entry of one', '{"0": ["n1"]}', 'class 0'],
    ['broken JSON', '["cat", ', 'not valid JSON'],
  ])('refuses %s', (_what, text, expected) => {
    expect(() => parseLabels(text, 'my.txt')).toThrow(expected);
    expect(() => parseLabels(text, 'my.txt')).toThrow('my.txt');
  });

  it('refuses text that is too long to be labels', () => {
    expect(() => parseLabels('a'.repeat(MAX_LABEL_CHARACTERS + 1), 'l')).toThrow('at most');
  });
});

describe('IMAGENET_LABELS', () => {
  it('are 1,000, in the order of the classes', () => {
    expect(IMAGENET_LABELS).toHaveLength(1000);
    expect([IMAGENET_LABELS[0], IMAGENET_LABELS[281], IMAGENET_LABELS[999]]).toEqual([
      'tench',
      'tabby',
      'toilet tissue',
    ]);
  });
});

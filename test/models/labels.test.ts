import { describe, expect, it } from 'vitest';
import { IMAGENET_LABELS } from '../../src/models/imagenet/labels.js';
import { MAX_LABEL_CHARACTERS, parseLabels } from '../../src/models/labels.js';

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

  it.each([
    ['one column', 'cat\ndog\nowl\n'],
    ['a header', '\uFEFFlabel\r\ncat\r\ndog\r\nowl\r\n'],
    ['index and label, in any order', 'label,index\nowl,2\ncat,0\ndog,1\n'],
    ['index, WordNet id and label without a header', '2,n01621127,owl\n0,n02121808,cat\n1,n02084071,dog\n'],
    ['columns that mean nothing', 'class_id,split,class_name\n0,train,cat\n1,train,dog\n2,test,owl\n'],
    ['class for the index beside a name', 'class,name\n1,dog\n0,cat\n2,owl\n'],
    ['class for the label beside an index', 'index,class\n0,cat\n1,dog\n2,owl\n'],
  ])('reads CSV with %s', (_what, text) => {
    expect(parseLabels(text, 'labels.csv')).toEqual(['cat', 'dog', 'owl']);
  });

  it('reads quoted cells of CSV', () => {
    expect(parseLabels('index,label\n0,"tench, Tinca"\n1,"a ""b"""\n', 'l.CSV')).toEqual(['tench, Tinca', 'a "b"']);
  });

  it.each([
    ['an index twice', '0,cat\n0,dog\n', 'occurs twice'],
    ['a gap', '0,cat\n2,dog\n', '1 is missing'],
    ['no index', 'cat,dog\nowl,crane\n', '"cat"'],
    ['a header only', 'index,label\n', 'header only'],
    ['rows of different lengths', '0,cat\n1\n', 'CSV'],
    ['an open quote', '0,"cat\n1,dog\n', 'CSV'],
    ['an empty label', '0,cat\n1,\n', 'class 1'],
  ])('refuses CSV with %s', (_what, text, expected) => {
    expect(() => parseLabels(text, 'my.csv')).toThrow(expected);
    expect(() => parseLabels(text, 'my.csv')).toThrow('my.csv');
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

import { describe, expect, it } from 'vitest';
import { modelListText } from '../../../src/cli/model/list.js';
import { styleOf } from '../../../src/cli/terminal/style.js';
import type { ListedModel } from '../../../src/services/model/list.js';

describe('modelListText', () => {
  const model: ListedModel = {
    name: 'imagenet',
    what: 'weights',
    url: 'https://example.org/a.pth',
    confirmed: false,
    bytes: 553_434_219,
    exact: false,
    hash: { algorithm: 'sha256', hex: '397923af' },
    license: 'MIT',
    preset: 'torchvision',
    accuracy: { top1: 71.592, top5: 90.382, on: 'a set' },
    cached: null,
    note: null,
    source: 'a file',
  };

  it('is a table and then what is known of each, without control characters', () => {
    const here = { ...model, name: 'mini', url: null, exact: true, accuracy: null, cached: '/cache/\u001B[31m' };
    expect(modelListText([model, here], styleOf(false))).toBe(
      [
        'Name           Size  Top-1  Top-5  Preset       Here',
        'imagenet  ~553.4 MB  71.59  90.38  torchvision  no',
        'mini       553.4 MB      -      -  torchvision  yes',
        '',
        'imagenet: weights',
        '  from      https://example.org/a.pth (not confirmed)',
        '  hash      sha256 397923af…',
        '  licence   MIT',
        '  accuracy  on a set',
        '  facts     a file',
        '',
        'mini: weights',
        '  hash      sha256 397923af…',
        '  licence   MIT',
        '  facts     a file',
        '  file      /cache/\\e[31m',
      ].join('\n'),
    );
  });
});

it('shows what other people wrote into a model file, and nothing of it moves the cursor', () => {
  const hostile = '\u001b[31mred\u001b]0;title\u0007\r';
  const text = modelListText(
    [
      {
        name: hostile,
        what: hostile,
        url: hostile,
        confirmed: false,
        bytes: 1,
        exact: true,
        hash: { algorithm: 'sha256', hex: 'ab' },
        license: hostile,
        preset: hostile,
        accuracy: { top1: 1, on: hostile },
        cached: hostile,
        note: hostile,
        source: hostile,
      },
    ],
    styleOf(false),
  );
  expect(text).toContain('\\e[31mred');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/);
});

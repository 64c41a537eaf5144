import { expect, it } from 'vitest';
import { modelListText } from '../../src/cli/model-list.js';
import { styleOf } from '../../src/cli/style.js';

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

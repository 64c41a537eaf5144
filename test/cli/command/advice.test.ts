/** What to do has flags on the command line, and none below it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { typed } from '../../../src/cli/command/advice.js';
import { toRunError } from '../../../src/cli/command/errors.js';
import { ADVICE, ExitCode, RunError, usageError } from '../../../src/errors.js';

test.each(Object.values(ADVICE))('"%s" is said in flags', (words) => {
  expect(words).not.toMatch(/(^|\s)--?\w/);
  expect(typed(`Before. ${words} behind`)).toMatch(/ --?\w/);
});

test('an error keeps everything but its hint', () => {
  const cause = new Error('inside');
  const error = new RunError('OUT_OF_MEMORY', 'A sentence.', {
    exitCode: ExitCode.Unexpected,
    hint: `Give the process more memory, or ${ADVICE.lessWork}.`,
    cause,
  });
  const told = toRunError(error, 'vgg16 classify');
  expect(told).toMatchObject({ code: 'OUT_OF_MEMORY', message: 'A sentence.', exitCode: ExitCode.Unexpected, cause });
  expect(told.hint).toBe('Give the process more memory, or less work at a time: -b 1 -j 1.');
  expect(told.stack).toBe(error.stack);
});

test('an error without such a hint stays as it is', () => {
  const error = usageError('A sentence.', 'A hint.');
  expect(toRunError(error, 'vgg16 classify')).toBe(error);
});

/** Folders whose messages the library can pass on; those of outputs and of lists cannot come out of it. */
const LIBRARY = ['library', 'engine', 'network', 'models', 'images', 'machine', 'services/pipeline'];

/** What takes the bytes of --files-from, which the library has not. */
const LISTS = /images\/list\/(file\/|no-inputs)/;

test('what the library can pass on names no flag', () => {
  const source = fileURLToPath(new URL('../../../src', import.meta.url));
  const found = LIBRARY.flatMap((folder) => {
    const names = readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
  })
    .filter((file) => !LISTS.test(file))
    .flatMap((file) => {
      const lines = readFileSync(join(source, file), 'utf8').split('\n');
      const code = lines.filter(
        (line) => !/^\s*(\/?\*|\/\/)/.test(line) && !/startsWith\('--|setFlagsFromString/.test(line),
      );
      return code
        .filter((line) => /['"`\s(]--[a-z]/.test(line.replace(/\/\/.*|\/\*.*/, '')))
        .map((line) => `${file}: ${line.trim()}`);
    });
  expect(found).toEqual([]);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkOutputFiles, continues, vanishedNotice } from '../../../src/cli/output/stored.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-stored-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  [{}, false],
  [{ force: true }, false],
  [{ resume: true }, true],
  [{ 'retry-failed': true }, true],
  [{ resume: false }, false],
])('continues(%o) is %s', (flags, expected) => {
  expect(continues(flags)).toBe(expected);
});

test('checkOutputFiles refuses any of the files', async () => {
  writeFileSync(join(folder, 'b'), '');
  const files = [join(folder, 'a'), join(folder, 'b')];
  await expect(checkOutputFiles(files, {})).rejects.toMatchObject({ code: 'OUTPUT_EXISTS', exitCode: 2 });
  for (const flags of [{ force: true }, { resume: true }, { 'retry-failed': true }])
    await checkOutputFiles(files, flags);
});

test.each([
  [0, []],
  [1, ['1 image of the earlier run is no longer among the inputs and left out: 0.']],
  [3, ['3 images of the earlier run are no longer among the inputs and left out: 0, 1, 2.']],
  [1203, ['1,203 images of the earlier run are no longer among the inputs and left out: 0, 1, 2 and 1,200 more.']],
])('vanishedNotice of %i images', (count, expected) => {
  expect(vanishedNotice(Array.from({ length: count }, (_, i) => String(i)))).toEqual(expected);
});

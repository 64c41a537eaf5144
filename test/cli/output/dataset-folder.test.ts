import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDatasetFolder } from '../../../src/cli/output/dataset-folder.js';

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vgg16-dataset-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([[], ['rows'], ['rows', 'fc7'], ['journal'], ['journal', 'rows', 'fc7']])(
  'a run that was killed while it made its folders (%s) goes on',
  async (...made) => {
    mkdirSync(at('d'));
    for (const name of made) mkdirSync(at(`d/${name}`));
    await checkDatasetFolder(at('d'), { resume: true });
    expect(readdirSync(at('d'))).toEqual([...made].sort());
  },
);

test('a folder with anything of somebody else is refused, whatever the flags', async () => {
  mkdirSync(at('d/rows'), { recursive: true });
  writeFileSync(at('d/rows/thesis.txt'), 'mine');
  for (const flags of [{}, { resume: true }, { force: true }]) {
    await expect(checkDatasetFolder(at('d'), flags)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  }
});

test('a dataset is refused but for --resume and --force', async () => {
  mkdirSync(at('d'));
  writeFileSync(at('d/manifest.json'), '{}');
  await expect(checkDatasetFolder(at('d'), {})).rejects.toMatchObject({ code: 'OUTPUT_EXISTS', exitCode: 2 });
  for (const flags of [{ resume: true }, { force: true }]) await checkDatasetFolder(at('d'), flags);
});

test('a folder that is to be made is tried and leaves nothing, through a link too', async () => {
  await checkDatasetFolder(at('a/b'), {});
  symlinkSync('far', at('near'));
  await checkDatasetFolder(at('near'), {});
  expect(readdirSync(folder)).toEqual(['near']);
  await expect(checkDatasetFolder(at('n'.repeat(256)), {})).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
});

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { outputTarget, refuseFolderName, resolveOutput } from '../../../src/output/files/links.js';

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vgg16-links-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a link leads to the file that is to be replaced, or made', async () => {
  writeFileSync(at('a.csv'), 'old\n');
  symlinkSync('a.csv', at('link.csv'));
  symlinkSync('none.csv', at('dangling.csv'));
  symlinkSync('dangling.csv', at('twice.csv'));
  expect(await resolveOutput(at('link.csv'))).toBe(at('a.csv'));
  expect(await resolveOutput(at('new.csv'))).toBe(at('new.csv'));
  expect(await resolveOutput(at('dangling.csv'))).toBe(at('none.csv'));
  expect(await resolveOutput(at('twice.csv'))).toBe(at('none.csv'));
});

test('.. in a link is meant from the folder in which the link really is', async () => {
  mkdirSync(at('real/inner'), { recursive: true });
  symlinkSync('real/inner', at('way'));
  symlinkSync('../new.csv', at('real/inner/link.csv'));
  expect(await resolveOutput(at('way/link.csv'))).toBe(at('real/new.csv'));
});

test('links in a circle are refused', async () => {
  symlinkSync('two', at('one'));
  symlinkSync('one', at('two'));
  await expect(resolveOutput(at('one'))).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
});

test('a link and its file say the same of compression', async () => {
  symlinkSync('data.csv.gz', at('good.csv.gz'));
  symlinkSync('data.csv', at('bad.csv.gz'));
  expect(await outputTarget(at('good.csv.gz'))).toBe(at('data.csv.gz'));
  await expect(outputTarget(at('bad.csv.gz'))).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
});

test.each(['new/', 'new/.', 'new/..'])('%s is a name of a folder', async (name) => {
  // Joined by hand: path.join would take the dots away.
  await expect(refuseFolderName(`${folder}/${name}`)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  await expect(outputTarget(`${folder}/${name}`)).rejects.toMatchObject({ code: 'USAGE' });
});

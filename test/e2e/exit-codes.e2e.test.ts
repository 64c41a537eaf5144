import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CAT, ODD, place, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { classify, type Result, vgg16 } from './helpers/program.js';
import { csvRows, expectOneSentence } from './helpers/rows.js';

const folder = temporaryFolder();

beforeAll(() => {
  place(join(folder, 'photos/cat.jpg'), CAT);
  place(join(folder, 'mixed/cat.jpg'), CAT);
  place(join(folder, 'mixed/cut.jpg'), join(ODD, 'truncated.jpg'));
  mkdirSync(join(folder, 'empty'));
  place(join(folder, 'texts/notes.txt'), join(ODD, 'README.md'));
  writeFileSync(join(folder, 'exists.csv'), 'mine\n');
});

/** The same run without and with --json. */
async function both(
  name: string,
  args: readonly string[],
  by: typeof runClassify = runClassify,
): Promise<readonly [Result, Result]> {
  const output = (kind: string) => ['-o', join(folder, `${name}-${kind}.csv`)];
  return Promise.all([
    by([...args, ...output('plain')], { cwd: folder }),
    by([...args, ...output('json'), '--json'], { cwd: folder }),
  ]);
}

const FIRST = new Set([
  '1: an output that cannot be written',
  '2: a value out of range',
  '4: no such path',
  '5: no such model',
]);

const parsed = ({ stdout }: Result) => JSON.parse(stdout.toString());

describe('the exit code is the same with and without --json', () => {
  it('0: every input has a row', async () => {
    const [plain, json] = await both('ok', ['photos'], classify);
    expect([plain.code, json.code]).toEqual([0, 0]);
    expect(plain.stdout.toString()).toBe('');
    expect(parsed(json)).toMatchObject({ exitCode: 0, counts: { seen: 1, ok: 1, failed: 0 } });
  });

  it('0: failures within --max-errors, as a number or a share', async () => {
    const runs = await Promise.all([
      both('one', ['mixed', '--max-errors', '1']),
      both('half', ['mixed', '--max-errors', '50%']),
    ]);
    expect(runs.flat().map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  });

  it('3: it finished and some inputs failed', async () => {
    const [plain, json] = await both('mixed', ['mixed', '--max-errors', '49%'], classify);
    expect([plain.code, json.code]).toEqual([3, 3]);
    expect(parsed(json)).toMatchObject({ exitCode: 3, counts: { ok: 1, failed: 1 } });
  });

  it('3: --on-error fail stops at the first failure and keeps the rows in a partial file', async () => {
    const runs = await both('fail', ['mixed', '--on-error', 'fail']);
    for (const run of runs) {
      expect(expectOneSentence(run, 3)).toContain('mixed/cut.jpg: DECODE_FAILED');
      const partial = /The rows that were done are in (.+); the same command with --resume goes on from there\.$/m.exec(
        run.stderr,
      )?.[1] as string;
      expect(csvRows(readFileSync(partial))).toHaveLength(2);
    }
  });

  // Of each code the first is a process of its own.
  it.each([
    ['1: an output that cannot be written', 1, 'OUTPUT_FAILED', ['photos', '-o', '/dev/full']],
    ['2: a value out of range', 2, 'USAGE', ['photos', '--top-k', '0']],
    ['2: an output that exists', 2, 'OUTPUT_EXISTS', ['photos', '-o', 'exists.csv']],
    ['2: no input named', 2, 'USAGE', []],
    ['4: no such path', 4, 'NO_INPUTS', ['nowhere']],
    ['4: an empty folder', 4, 'NO_INPUTS', ['empty']],
    ['4: a folder of text files', 4, 'NO_INPUTS', ['texts']],
    ['4: an empty list', 4, 'NO_INPUTS', ['--files-from', '-']],
    ['5: no such model', 5, 'MODEL_NOT_FOUND', ['photos', '--model', 'no-such-model']],
    ['5: a file that is no model', 5, 'MODEL_INVALID', ['photos', '--model', CAT]],
  ])('%s', async (name, code, errorCode, args) => {
    const by = FIRST.has(name) ? vgg16 : runCommand;
    const output = args.includes('-o') ? [] : ['-o', `${code}.csv`];
    const command = (...more: string[]) =>
      by(['classify', '-q', ...output, ...args, ...more], { cwd: folder, env: { VGG16_MODEL: 'mini' } });
    const [plain, json] = await Promise.all([command(), command('--json')]);
    const sentence = expectOneSentence(plain, code);
    expect(expectOneSentence(json, code)).toBe(sentence);
    expect(plain.stdout.toString()).toBe('');
    expect(parsed(json).error, name).toMatchObject({ code: errorCode, exitCode: code, message: sentence });
  });
});

describe('what was looked for is said when nothing is found', () => {
  it('for a path that is not there, an empty folder, a folder of text files', async () => {
    const [nowhere, empty, texts] = await Promise.all(
      ['nowhere', 'empty', 'texts'].map((name) => runClassify([name], { cwd: folder })),
    );
    expect(nowhere?.stderr).toMatch(/Expected images in "nowhere" but there is no such file or folder\./);
    expect(empty?.stderr).toMatch(/Expected images in "empty" but found no file with the extension jpg, /);
    expect(texts?.stderr).toMatch(/Expected images in "texts" but found only one file with another extension/);
    expect(texts?.stderr).toMatch(/^hint: Use --ext/m);
  });
});

describe('an output file that exists', () => {
  it('stays as it is, and is replaced whole with --force', async () => {
    const file = join(folder, 'exists.csv');
    const refused = await runClassify(['photos', '-o', file], { cwd: folder });
    expect(expectOneSentence(refused, 2)).toContain(`${file} exists`);
    expect(refused.stderr).toMatch(/^hint: .*--force/m);
    expect(readFileSync(file, 'utf8')).toBe('mine\n');
    const forced = await runClassify(['photos', '-o', file, '--force'], { cwd: folder });
    expect(forced.code).toBe(0);
    expect(csvRows(readFileSync(file))).toHaveLength(1);
  });
});

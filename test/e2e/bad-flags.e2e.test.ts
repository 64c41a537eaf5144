import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ODD, PHOTOS } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { ROOT } from './helpers/program.js';
import { expectOneSentence } from './helpers/rows.js';

/** For each flag that takes a value, values that it cannot have; each is one run. `[value, code]` where it is not 2. */
const VALUES: Readonly<Record<string, readonly (string | readonly [string, number])[]>> = {
  'batch-size': ['0', '-1', '513', '1.5', 'many', ''],
  'cache-dir': [''],
  config: ['', 'no-such-config', ODD],
  decode: ['slow', ''],
  exclude: [''],
  ext: ['', 'jpg,', '*.jpg', 'a/b'],
  'files-from': ['', 'no-such-list', ODD],
  format: ['xml', 'CSV', ''],
  labels: ['', 'no-such-labels', ODD],
  limit: ['0', '-1', '1.5', '9007199254740993', ''],
  'max-errors': ['-1', '1.5', '101%', '%', 'all', ''],
  'max-pixels': ['0', '4294967296', 'big', ''],
  model: ['', ['no-such-model', 5], [ODD, 5]],
  'num-classes': ['0', '262145', 'ten', '', '11'],
  'on-error': ['stop', ''],
  output: ['', ODD, 'no-such-folder/a.csv', 'labels.xlsx'],
  precision: ['f64', 'fp16', ''],
  preset: ['pytorch', '', 'keras'],
  'relative-to': [''],
  scores: ['probability', ''],
  seed: ['-1', '4294967296', '0x10', '', '1'],
  shard: ['0/3', '4/3', '1', '1/0', '-1/3', '1.5/3', 'auto/0', 'auto', 'first', ''],
  threads: ['0', '1025', 'all', ''],
  threshold: ['-0.1', '1.1', 'NaN', 'Infinity', '0,5', ''],
  'top-k': ['0', '-5', '2.5', '262145', 'five', ''],
  'weights-url': ['', 'ftp://mirror', 'mirror'],
  workers: ['0', '65', 'x', ''],
};

/** For each switch, words that cannot go with it. */
const SWITCHES: Readonly<Record<string, readonly string[]>> = {
  absolute: ['--absolute', '--relative-to', '/'],
  'auto-orient': ['--auto-orient=maybe'],
  'dry-run': ['--dry-run', '--json', '-o', 'a.csv'],
  'follow-symlinks': ['--follow-symlinks=maybe'],
  force: ['--force=no'],
  json: ['--json'],
  long: ['--long', '--format', 'jsonl'],
  'no-color': ['--no-color=maybe'],
  null: ['--null'],
  offline: ['--offline=maybe'],
  progress: ['--progress=maybe'],
  quiet: ['--quiet=maybe'],
  recursive: ['--no-recursive=yes'],
  resume: ['--resume'],
  'retry-failed': ['--retry-failed'],
  verbose: ['--verbose=maybe'],
};

const manifest = JSON.parse(readFileSync(join(ROOT, '.oclif.manifest.json'), 'utf8'));
const flags: Readonly<Record<string, { readonly type: string }>> = manifest.commands.classify.flags;
const namesOf = (type: string) => Object.keys(flags).filter((name) => flags[name]?.type === type);

/** Runs of all cases, as many at once as there are processors. */
async function forEachAtOnce<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await check(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

describe('a bad value for a flag ends with 2 and one sentence, and the flag is named', () => {
  it('there is a case for every flag', () => {
    expect(Object.keys(VALUES).sort()).toEqual(namesOf('option').sort());
    expect(Object.keys(SWITCHES).sort()).toEqual(namesOf('boolean').sort());
  });

  it.each(Object.entries(VALUES))('--%s', async (name, cases) => {
    await forEachAtOnce(cases, async (given) => {
      const [text, code] = typeof given === 'string' ? [given, 2] : given;
      const model = name === 'model' ? [] : ['--model', 'mini'];
      const run = await runCommand(['classify', PHOTOS, ...model, `--${name}=${text}`]);
      expectOneSentence(run, code);
      // What is wrong with a model is said of the file. Below the command line a sentence names no flag: then the hint does.
      if (code === 2) expect(run.stderr, text).toContain(`--${name}`);
      expect(run.stdout.toString()).toBe('');
    });
  });

  it.each(Object.entries(VALUES))('--%s in the environment', async (name, cases) => {
    const given = cases.find((value) => typeof value === 'string' && value !== '' && /^[\w.%-]+$/.test(value));
    if (given === undefined) return;
    const variable = `VGG16_${name.toUpperCase().replaceAll('-', '_')}`;
    const run = await runCommand(['classify', PHOTOS], { env: { VGG16_MODEL: 'mini', [variable]: given as string } });
    expect(expectOneSentence(run, 2)).toMatch(new RegExp(`${variable}|--${name}`));
  });

  it.each(Object.entries(SWITCHES))('--%s', async (name, words) => {
    const run = await runCommand(['classify', PHOTOS, '--model', 'mini', ...words]);
    expect(expectOneSentence(run, 2)).toContain(`--${name}`);
  });

  it('a flag that does not exist, one without its value, one given twice', async () => {
    const cases = [['--top', '3'], ['--top-k'], ['--top-k', '3', '--top-k', '4'], ['-x']];
    await forEachAtOnce(cases, async (words) => {
      const run = await runCommand(['classify', PHOTOS, ...words]);
      expect(expectOneSentence(run, 2)).toContain(words[0] as string);
      expect(run.stderr).toMatch(/^hint: See vgg16 classify --help\.$/m);
    });
  });
});

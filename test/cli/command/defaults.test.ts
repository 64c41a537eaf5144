import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/cli/command/config-file.js';
import { readDefaults } from '../../../src/cli/command/defaults.js';

const FLAGS = {
  'top-k': { type: 'option' },
  recursive: { type: 'boolean', allowNo: true },
  long: { type: 'boolean' },
  exclude: { type: 'option', multiple: true },
} as const;
const KNOWN = new Map(Object.entries({ ...FLAGS, config: { type: 'option' } as const }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-config-'));
  mkdirSync(join(folder, 'user'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const user = () => join(folder, 'user', 'config.json');
const project = () => join(folder, 'vgg16.config.json');
const tokens = async (environment: Record<string, string> = {}) => {
  const context = { environment, directory: folder, userConfig: user(), config: undefined };
  const { values } = await readDefaults(FLAGS, KNOWN, context);
  return values.flatMap((value) => value.tokens);
};

describe('readDefaults', () => {
  it('prefers the environment, then the project, then the user', async () => {
    writeFileSync(user(), '{"top-k": 1, "recursive": false, "long": true}');
    expect(await tokens()).toEqual(['--top-k=1', '--no-recursive', '--long']);
    writeFileSync(project(), '{"top-k": 2, "long": false}');
    expect(await tokens()).toEqual(['--top-k=2', '--no-recursive']);
    expect(await tokens({ VGG16_TOP_K: '3', VGG16_RECURSIVE: 'yes', VGG16_LONG: '' })).toEqual([
      '--top-k=3',
      '--recursive',
    ]);
  });

  it('is empty without files and variables', async () => {
    expect(await tokens()).toEqual([]);
  });

  it.each(['1', 'true', 'YES', 'on'])('takes %s in a variable for a switch that is on', async (word) => {
    expect(await tokens({ VGG16_LONG: word })).toEqual(['--long']);
  });

  it('refuses other words for a switch, naming the variable', async () => {
    await expect(tokens({ VGG16_LONG: 'maybe' })).rejects.toMatchObject({
      exitCode: 2,
      message: 'Expected 1, true, yes, on or 0, false, no, off for VGG16_LONG but received "maybe".',
    });
  });

  it('takes lists for flags that can be given again', async () => {
    writeFileSync(project(), '{"exclude": ["a/**", "b,c"]}');
    expect(await tokens()).toEqual(['--exclude=a/**', '--exclude=b,c']);
  });
});

describe('the file of --config', () => {
  const read = (config: string | undefined, environment: Record<string, string> = {}) =>
    readDefaults(FLAGS, KNOWN, { environment, directory: folder, userConfig: user(), config });
  const named = () => join(folder, 'named.json');
  beforeEach(() => {
    writeFileSync(user(), '{"top-k": 1, "long": true}');
    writeFileSync(project(), '{"top-k": 2, "exclude": "a"}');
    writeFileSync(named(), '{"top-k": 3}');
  });

  it('stands in for the one in the folder, not for the user', async () => {
    const { values, files } = await read(named());
    expect(values.flatMap((value) => value.tokens)).toEqual(['--top-k=3', '--long']);
    expect(files.map(({ kind }) => kind)).toEqual(['named', 'user']);
  });

  it('can be named by the variable, which a typed one comes before', async () => {
    const other = join(folder, 'other.json');
    writeFileSync(other, '{"top-k": 4}');
    const variable = { VGG16_CONFIG: other };
    expect((await read(undefined, variable)).values[0]?.tokens).toEqual(['--top-k=4']);
    expect((await read(named(), variable)).values[0]?.tokens).toEqual(['--top-k=3']);
    expect((await read(undefined, { VGG16_CONFIG: '' })).values[0]?.tokens).toEqual(['--top-k=2']);
  });

  it('has to exist', async () => {
    await expect(read(join(folder, 'none.json'))).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('for --config but'),
    });
    await expect(read(undefined, { VGG16_CONFIG: '/none.json' })).rejects.toMatchObject({
      message: 'Expected a configuration file for VGG16_CONFIG but /none.json does not exist.',
    });
  });
});

describe('checkConfig', () => {
  it.each([
    ['an unknown key', '{"topk": 3}', 'Expected the names of flags in c.json but received the key "topk".'],
    ['text for a switch', '{"long": "yes"}', 'Expected true or false for "long" in c.json but received "yes".'],
    [
      'an object for a value',
      '{"top-k": {}}',
      'Expected text or a number for "top-k" in c.json but received an object.',
    ],
    ['a list where one value goes', '{"top-k": [1]}', 'received a list'],
    ['null', '{"top-k": null}', 'received null'],
    [
      'a NUL in a text',
      '{"top-k": "a\\u0000"}',
      'Expected text or a number for "top-k" in c.json but received "a\\u0000".',
    ],
    [
      'another configuration',
      '{"config": "d.json"}',
      'Expected no "config" in c.json: a configuration cannot name another.',
    ],
    ['a key that is no text for a terminal', '{"\\u001b]0;x\\u0007": 1}', 'received the key "\\u001b]0;x\\u0007".'],
    ['nesting', `{"top-k": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'received a list'],
    ['a list for the whole', '[]', 'Expected a JSON object in c.json but received a list.'],
    ['what is no JSON', '{top-k: 3}', 'Expected JSON in c.json but received'],
  ])('names the file and the key for %s', (_name, text, message) => {
    expect(() => checkConfig(text, 'c.json', KNOWN)).toThrow(message);
  });
});

/** What a newcomer and a stranger's CI rely on: the workflow, the editor's settings, the papers beside the code. */

import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json'));

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

describe('the workflow of the public CI', () => {
  const { on, permissions, jobs } = parse(read('.github/workflows/ci.yml'));
  const [job] = Object.values(jobs) as [{ readonly strategy: { readonly matrix: { readonly node: number[] } } }];
  const steps = Object.values(jobs).flatMap((one) => (one as { readonly steps: readonly Step[] }).steps);
  const commands = steps.flatMap(({ run }) => run?.trim().split('\n') ?? []);

  test('runs for every change, and may not write', () => {
    expect(Object.keys(on)).toEqual(['push', 'pull_request']);
    expect(permissions).toEqual({ contents: 'read' });
  });

  test('does what .ci/run does', () => {
    expect(commands).toContain('.ci/run');
  });

  test.each(commands)('%s is there and may be run', (command) => {
    const [program = ''] = command.replace(/^sudo /, '').split(' ');
    accessSync(join(ROOT, program), constants.X_OK);
  });

  test('begins with the oldest Node that is supported, and each has the steps that need it', () => {
    const oldest = Number(/\d+/.exec(manifest.engines.node)?.[0]);
    expect(Math.min(...job.strategy.matrix.node)).toBe(oldest);
    expect(steps.flatMap((step) => step.with?.['node-version'] ?? [])).toEqual(['$' + '{{ matrix.node }}']);
    expect(steps.flatMap(({ uses }) => uses ?? []).filter((uses) => !/^actions\/[a-z-]+@v\d+$/.test(uses))).toEqual([]);
  });

  test('the steps of .ci/run are there', () => {
    for (const [script] of read('.ci/run').matchAll(/scripts\/[\w/-]+\.(?:mjs|sh)/g)) {
      expect(existsSync(join(ROOT, script)), script).toBe(true);
    }
    expect(manifest.scripts.test).toBeDefined();
  });
});

describe('.editorconfig', () => {
  test('says what biome.json formats', () => {
    const { indentStyle, indentWidth, lineWidth } = JSON.parse(read('biome.json')).formatter;
    const all = Object.fromEntries(
      [...(read('.editorconfig').split('[*.')[0] ?? '').matchAll(/^(\w+) = (.*)$/gm)].map(([, key, value]) => [
        key,
        value,
      ]),
    );
    expect(all).toMatchObject({
      indent_style: indentStyle,
      indent_size: `${indentWidth}`,
      max_line_length: `${lineWidth}`,
    });
  });
});

describe('CONTRIBUTING.md', () => {
  const page = read('CONTRIBUTING.md');

  test('names every variable of the tests', () => {
    const sources = ['test', 'scripts', '.ci'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== 'project.test.ts')
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')),
    );
    const variables = new Set(sources.flatMap((text) => text.match(/VGG16_TEST_[A-Z]+/g) ?? []));
    expect(variables.size).toBeGreaterThan(3);
    expect([...variables].filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
  });

  test('names scripts of package.json that exist', () => {
    const scripts = [...page.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);
  });
});

test('CHANGELOG.md begins with the version of package.json', () => {
  expect(/^## \[([^\]]+)\]/m.exec(read('CHANGELOG.md'))?.[1]).toBe(manifest.version);
});

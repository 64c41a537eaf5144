/** The examples of docs/library.md, type-checked and run in a project that has the packed package and nothing else of ours. */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const examples = [...readFileSync(join(ROOT, 'docs/library.md'), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code]) => code as string,
);

/** In strict mode and more: declarations of ours that need a type from somewhere else fail here. */
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    target: 'ES2022',
    module: 'NodeNext',
    types: ['node'],
    outDir: 'out',
  },
  files: examples.map((_, i) => `example-${i}.ts`),
};

let project: string;

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'vgg16-library-'));
  // Without its scripts, which would build dist/ under other tests.
  const pack = ['pack', '--ignore-scripts', '--silent', '--offline', '--pack-destination', project];
  const { stdout } = await run('npm', pack, { cwd: ROOT });
  const installed = join(project, 'node_modules', 'vgg16');
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', join(project, stdout.trim()), '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  cpSync(join(ROOT, 'fixtures/images'), join(project, 'photos'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  for (const [i, code] of examples.entries()) writeFileSync(join(project, `example-${i}.ts`), code);
  await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project]).catch(({ stdout }) => {
    throw new Error(`The examples do not compile:\n${stdout}`);
  });
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** What the example prints. */
async function output(part: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const i = examples.findIndex((code) => code.includes(part));
  return await run(process.execPath, [join('out', `example-${i}.js`)], { cwd: project });
}

test('ten lines classify a folder and a Buffer', async () => {
  const { stdout, stderr } = await output("classify('photos/'");
  expect(stdout).toContain('photos/ship.jpg ship\n');
  expect(stdout.trim().split('\n')).toHaveLength(13);
  expect(stdout).toMatch(/^cat 0\.7\d+$/m);
  expect(stderr).toBe('');
});

test('activations of a glob', async () => {
  const { stdout } = await output('extract(');
  expect(stdout.match(/^photos\/.*\.jpg pool5 \[ 128 \] Float32Array\(3\)/gm)).toHaveLength(12);
});

test('bytes with names, from a generator', async () => {
  const { stdout } = await output('uploads()');
  expect(stdout).toContain(' ship.jpg ok\n');
  expect(stdout).toContain(' README.md error\n');
});

test('a model that stays open', async () => {
  const { stdout } = await output('model.labels');
  expect(stdout).toMatch(/^mini 10 \[/);
  expect(stdout).toMatch(/^400 266 3 \[ \d+ \] \d+$/m);
});

test('errors', async () => {
  const { stdout } = await output('instanceof RunError');
  expect(stdout).toMatch(/^MODEL_NOT_FOUND Expected .*no-such-model/);
  expect(stdout).toMatch(/^NOT_FOUND$/m);
});

test('every example is run by a test', () => {
  expect(examples).toHaveLength(5);
});

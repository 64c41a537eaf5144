/** The job files of docs/jobs and the Dockerfile: sound in their own languages, and with commands and flags that exist. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Copy, DockerfileParser } from 'dockerfile-ast';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { commandLines, unknownFlags } from './command-lines.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const JOBS = join(ROOT, 'docs/jobs');

const files = readdirSync(JOBS, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();
const shown = (file: string) => file.slice(ROOT.length);
const of = (...extensions: string[]) => files.filter((file) => extensions.includes(extname(file)));
const scripts = [
  ...of('.sh', '.sbatch'),
  join(ROOT, '.ci/run'),
  join(ROOT, 'test/scale/cluster.sh'),
  ...['packages', 'python'].map((name) => join(ROOT, `scripts/ci/${name}.sh`)),
];

/** The first of these commands that runs. */
function find(...commands: string[]): string | undefined {
  return commands.find((command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0);
}

describe('job files', () => {
  it('are all of a kind that is checked here', () => {
    expect(files.length).toBeGreaterThan(8);
    expect(of('.sh', '.sbatch', '.yaml', '.json', '.py')).toEqual(files);
  });

  it.each(scripts.map((file) => [shown(file), file]))('%s is a sound script', (_, file) => {
    expect(spawnSync('bash', ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  const shellcheck = find('shellcheck');
  it.skipIf(shellcheck === undefined)('ShellCheck finds nothing', () => {
    expect(spawnSync(shellcheck as string, scripts, { encoding: 'utf8' }).stdout).toBe('');
  });

  it('have commands and flags that exist', () => {
    const texts = [...files, join(ROOT, 'docs/scale.md'), join(ROOT, 'Dockerfile')];
    const commands = texts.flatMap((file) =>
      commandLines(readFileSync(file, 'utf8')).map((line) => ({ ...line, file: shown(file) })),
    );
    const unknown = commands.flatMap(({ file, ...line }) => unknownFlags(line).map((flag) => `${file}: ${flag}`));
    expect(unknown).toEqual([]);
    expect(commands.length).toBeGreaterThan(10);
  });

  it('of Kubernetes have as many indexes as shares', () => {
    const file = of('.yaml').find((name) => name.endsWith('classify.yaml')) as string;
    const { kind, spec } = parse(readFileSync(file, 'utf8'));
    const [container] = spec.template.spec.containers;
    expect({ kind, mode: spec.completionMode, restart: spec.template.spec.restartPolicy }).toEqual({
      kind: 'Job',
      mode: 'Indexed',
      restart: 'Never',
    });
    expect(container.command.join(' ')).toContain(`--shard auto/${spec.completions} `);
    expect(spec.podFailurePolicy.rules[0].onExitCodes.containerName).toBe(container.name);
  });

  it.each(of('.yaml').map((file) => [shown(file), file]))('%s mounts what it names', (_, file) => {
    const { containers, volumes } = parse(readFileSync(file, 'utf8')).spec.template.spec;
    const names = volumes.map(({ name }: { name: string }) => name);
    for (const { volumeMounts } of containers) for (const { name } of volumeMounts) expect(names).toContain(name);
  });

  it('of AWS Batch name one definition, with at most five rules for another attempt', () => {
    const [classify, definition, merge] = of('.json').map((file) => JSON.parse(readFileSync(file, 'utf8')));
    expect([classify.jobDefinition, merge.jobDefinition]).toEqual(Array(2).fill(definition.jobDefinitionName));
    expect(classify.arrayProperties.size).toBeGreaterThanOrEqual(2);
    const { attempts, evaluateOnExit } = definition.retryStrategy;
    expect(attempts).toBeLessThanOrEqual(10);
    expect(evaluateOnExit.length).toBeLessThanOrEqual(5);
    // Without a last rule that matches everything, everything else is tried again too.
    expect(evaluateOnExit.at(-1)).toEqual({ onReason: '*', action: 'EXIT' });
    const { mountPoints, volumes } = definition.containerProperties;
    expect(mountPoints[0].sourceVolume).toBe(volumes[0].name);
  });

  it('of Spark parse', () => {
    for (const file of of('.py')) {
      execFileSync('python3', ['-c', 'import ast, sys; ast.parse(open(sys.argv[1]).read())', file]);
    }
  });
});

describe('Dockerfile', () => {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const instructions = DockerfileParser.parse(text).getInstructions();
  const copies = instructions.filter((one): one is Copy => one.getKeyword() === 'COPY');
  const sources = (copy: Copy) => copy.getArguments().slice(0, -1).map(String);
  const stageOf = (copy: Copy) =>
    copy
      .getFlags()
      .find((flag) => flag.getName() === 'from')
      ?.getValue();

  const hadolint = find('hadolint', join(homedir(), '.cache/vgg16-test/venv/bin/hadolint'));
  it.skipIf(hadolint === undefined)('hadolint finds nothing', () => {
    const { status, stdout } = spawnSync(hadolint as string, [join(ROOT, 'Dockerfile')], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it('copies what is there, and the context is let through', () => {
    const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const path of allowed) expect(existsSync(join(ROOT, path)), path).toBe(true);
    const fromContext = copies.filter((copy) => stageOf(copy) === undefined).flatMap(sources);
    const isAllowed = (path: string) =>
      path === '.' || allowed.some((one) => path === one || path.startsWith(`${one}/`));
    expect(fromContext.filter((path) => !isAllowed(path))).toEqual([]);
    // Of the build stage: in the repository, or made there.
    const made = ['node_modules', 'dist'].map((name) => `/opt/vgg16/${name}`).concat('/opt/vgg16-runtime');
    const fromBuild = copies.filter((copy) => stageOf(copy) === 'build').flatMap(sources);
    expect(fromBuild.length).toBeGreaterThan(5);
    for (const path of fromBuild.filter((one) => !made.includes(one))) {
      expect(isAllowed(path.replace('/opt/vgg16/', '')), path).toBe(true);
    }
  });

  it('has all that the package has', () => {
    const { files: packed } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const copied = copies.flatMap(sources);
    expect(packed.filter((path: string) => !copied.includes(`/opt/vgg16/${path}`))).toEqual([]);
  });

  it('ends with the program as another user than root', () => {
    const last = (keyword: string) => instructions.filter((one) => one.getKeyword() === keyword).at(-1);
    expect(last('ENTRYPOINT')?.getArgumentsContent()).toBe('["vgg16"]');
    expect(last('USER')?.getArgumentsContent()).toBe('1000');
  });
});

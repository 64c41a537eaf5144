/** `model import`, `export` and `verify`, as they are typed. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { ODD, PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { type Result, ROOT } from './helpers/program.js';
import { csvRows, expectOneSentence, jsonRows } from './helpers/rows.js';

const root = temporaryFolder();

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000 });

const SLIM = join(ROOT, 'fixtures/models/slim-torchvision.pth');
const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand(words, { cwd: root, env: { VGG16_CACHE_DIR: join(root, 'cache'), ...env } });

async function done(words: readonly string[]): Promise<Result> {
  const result = await run(words);
  expect(result.code, `${words.join(' ')}: ${result.stderr}`).toBe(0);
  return result;
}

beforeAll(() => {
  mkdirSync(join(root, 'photos'));
  for (const name of ['cat.jpg', 'dog.jpg', 'ship.jpg']) place(join(root, 'photos', name), join(PHOTOS, name));
});

describe('model import', () => {
  it('keeps a file in the cache, where --model finds it by its name', async () => {
    const { stderr } = await done(['model', 'import', SLIM, '--name', 'slim']);
    expect(stderr).toContain('Use it with --model slim.');
    const direct = await done(['classify', 'photos', '-m', SLIM, '--format', 'csv', '-q']);
    const cached = await done(['classify', 'photos', '-m', 'slim', '--format', 'csv', '-q']);
    expect(cached.stdout.equals(direct.stdout)).toBe(true);
    expect(csvRows(cached.stdout)).toHaveLength(3);
  });

  it('is refused twice without --force, and for a name that is another model’s', async () => {
    await done(['model', 'import', SLIM, '--name', 'twice', '-q']);
    expect(expectOneSentence(await run(['model', 'import', SLIM, '--name', 'twice']), 2)).toContain('exists');
    await done(['model', 'import', SLIM, '--name', 'twice', '--force', '-q']);
    expect(expectOneSentence(await run(['model', 'import', SLIM, '--name', 'imagenet']), 2)).toContain('imagenet');
    expect(expectOneSentence(await run(['model', 'import', SLIM, '--name', '../up']), 2)).toContain('--name');
  });

  it('takes labels and says what it wrote with --json', async () => {
    writeFileSync(join(root, 'seven.csv'), 'index,label\n0,a\n1,b\n2,c\n3,d\n4,e\n5,f\n6,g\n');
    const { stdout } = await done([
      'model',
      'import',
      SLIM,
      '-o',
      'seven.safetensors',
      '--labels',
      'seven.csv',
      '--json',
    ]);
    const said = JSON.parse(stdout.toString());
    expect(said).toMatchObject({ path: 'seven.safetensors', preset: 'torchvision' });
    const inspected = JSON.parse((await done(['model', 'inspect', 'seven.safetensors', '--json'])).stdout.toString());
    expect(inspected.model).toMatchObject({
      labels: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
      file: { sha256: said.sha256 },
    });
  });

  it.each([
    ['a file that is no model', join(ODD, 'README.md')],
    ['a file that is not there', 'none.pth'],
  ])('of %s ends with 5, and nothing is left', async (_what, file) => {
    expectOneSentence(await run(['model', 'import', file, '-o', 'nothing.safetensors']), 5);
    expect(readdirSync(root).filter((name) => name.startsWith('nothing'))).toEqual([]);
  });
});

describe('model export', () => {
  /** Rows of the model itself. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of JSON
  let direct: readonly any[] = [];
  beforeAll(async () => {
    const { stdout } = await done(['extract', 'photos', '-m', SLIM, '-l', 'logits', '--format', 'jsonl', '-q']);
    direct = jsonRows(stdout);
  });

  it.each([
    ['safetensors', 'slim.safetensors', 'read it back'],
    ['pytorch', 'slim.pth', 'read it back'],
    ['keras', 'slim.keras', 'read it back'],
    ['onnx', 'slim.onnx', 'ONNX Runtime'],
    ['tfjs', 'slim-tfjs', 'TensorFlow.js'],
    ['savedmodel', 'slim-savedmodel', 'TensorFlow'],
  ])('as %s: verified in the same breath, and read again with the same labels', async (format, output, runtime) => {
    const byName = output.includes('.') ? [] : ['--format', format];
    const words = ['model', 'export', SLIM, '-o', output, ...byName, '--verify', 'photos', '--json'];
    const { stdout } = await done(words);
    const said = JSON.parse(stdout.toString());
    expect(said).toMatchObject({ format, output, verified: { images: 3, top1: 100, failed: 0 } });
    expect(said.verified.runtime).toContain(runtime);
    expect(said.verified.relativeDiff).toBeLessThan(1e-5);
    const again = await done(['extract', 'photos', '-m', output, '-l', 'logits', '--format', 'jsonl', '-q']);
    const second = jsonRows(again.stdout);
    expect(second).toHaveLength(3);
    second.forEach(({ embedding }, i) => {
      (embedding as number[]).forEach((value, at) => {
        expect(value).toBeCloseTo(Number(direct[i]?.embedding?.[at]), 5);
      });
    });
  });

  it.each([
    ['a file', 'there.pth', []],
    ['a folder', 'folder', ['--format', 'tfjs']],
  ])('replaces %s with --force only', async (_what, output, format) => {
    const words = ['model', 'export', SLIM, '-o', output, ...format];
    await done(words);
    expect(expectOneSentence(await run(words), 2)).toContain('exists');
    await done([...words, '--force']);
    expect(readdirSync(root).filter((name) => name.startsWith(output))).toEqual([output]);
  });

  it('gives the layers that are asked for', async () => {
    const words = ['model', 'export', SLIM, '-o', 'layers.onnx', '--outputs', 'logits,fc1,pool5', '--verify', 'photos'];
    const { stderr } = await done(words);
    expect(stderr).toMatch(/run by ONNX Runtime, 9 outputs: largest difference/);
  });

  it('fails with 6 where the written model differs by more than --max-diff, and keeps it', async () => {
    const words = ['model', 'export', SLIM, '-o', 'coarse.pth', '--precision', 'bf16', '--verify', 'photos'];
    const { code, stderr } = await run([...words, '--max-diff', '1e-6']);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^failed: the largest difference is .*, --max-diff allows 0\.000001$/m);
    expect(existsSync(join(root, 'coarse.pth'))).toBe(true);
  });

  it.each([
    ['no output', [], 'Expected --output'],
    ['an extension that says nothing', ['-o', 'x.bin'], '--format'],
    ['a layer that there is not', ['-o', 'x.onnx', '--outputs', 'fc9'], 'fc9'],
    ['layers where none can be held', ['-o', 'x.pth', '--outputs', 'fc7'], '--outputs'],
    ['a folder that there is not', ['-o', 'none/x.onnx'], 'does not exist'],
    ['a type that a format has not', ['-o', 'x', '--format', 'tfjs', '--precision', 'bf16'], 'bf16'],
  ])('with %s: 2, and nothing is written', async (_what, words, message) => {
    expect(expectOneSentence(await run(['model', 'export', SLIM, ...words]), 2)).toContain(message);
    expect(readdirSync(root).filter((name) => /^x(\.|$)/.test(name))).toEqual([]);
  });
});

describe('model verify', () => {
  it('by itself: hash, weights and stored outputs of mini', async () => {
    const { stdout } = await done(['model', 'verify', 'mini', '--json']);
    const { checks } = JSON.parse(stdout.toString());
    expect(checks.map(({ name, ok }: { name: string; ok: boolean | null }) => [name, ok])).toEqual([
      ['hash', true],
      ['weights', true],
      ['outputs', true],
    ]);
    expect((await done(['model', 'verify', SLIM])).stdout.toString()).toMatch(/^hash +-.*\nweights +ok.*\noutputs +-/);
  });

  it('by itself fails with 6 where a weight is not finite', async () => {
    const bytes = readFileSync(join(ROOT, 'fixtures/models/mini.safetensors'));
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    writeFileSync(join(root, 'nan.safetensors'), bytes);
    const { code, stdout } = await run(['model', 'verify', 'nan.safetensors']);
    expect(code).toBe(6);
    expect(stdout.toString()).toMatch(/^weights +FAILED.*NaN/m);
  });

  it('against another: a row an image, a summary, and 0 where they agree', async () => {
    await done(['model', 'import', SLIM, '-o', 'own.safetensors', '-q']);
    const words = ['model', 'verify', SLIM, '--against', 'own.safetensors', 'photos'];
    const { stdout, stderr } = await done(words);
    const rows = csvRows(stdout);
    expect(rows.map(({ path }) => path)).toEqual(['photos/cat.jpg', 'photos/dog.jpg', 'photos/ship.jpg']);
    expect(rows.every(({ max_diff, topk, status }) => max_diff === '0' && topk === '1' && status === 'ok')).toBe(true);
    expect(stderr).toContain('same best class 100.00 %');
    await done([...words, '-o', 'rows.jsonl', '-q']);
    expect(jsonRows(readFileSync(join(root, 'rows.jsonl')))[0]).toMatchObject({ max_diff: 0, classes: { topK: 1 } });
    expect(readJson<{ results: object }>(join(root, 'rows.jsonl.run.json')).results).toMatchObject({
      images: 3,
      maxDiff: 0,
      top1: 100,
    });
  });

  it('against another that differs: 6, and the sentence says by how much', async () => {
    await done(['model', 'export', SLIM, '-o', 'bf16.safetensors', '--precision', 'bf16', '-q']);
    const words = ['model', 'verify', SLIM, '--against', 'bf16.safetensors', 'photos', '-o', 'bf16.csv', '--force'];
    const { code, stderr } = await run(words);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^failed: the largest difference is .*e-\d, --max-diff allows 0\.0001$/m);
    expect(csvRows(readFileSync(join(root, 'bf16.csv')))).toHaveLength(3);
    await done([...words, '--max-diff', '0.05', '--min-top1', '0']);
  });

  it.each([
    ['images without another model', ['photos'], '--against'],
    ['another model without images', ['--against', SLIM], 'images'],
    ['other classes', ['--against', 'mini', 'photos'], 'same classes'],
    ['an output without another model', ['-o', 'alone.csv'], '--output'],
    ['a list from stdin', ['--against', SLIM, '--files-from', '-'], '--files-from'],
  ])('with %s: 2', async (_what, words, message) => {
    expect(expectOneSentence(await run(['model', 'verify', SLIM, ...words]), 2)).toContain(message);
  });
});

/** `model quantize` and `--precision int8`, as they are typed. */

import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { cpuFeatures, hasBf16, hasInt8 } from '../../src/machine/cpu.js';
import { PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { type Result, ROOT } from './helpers/program.js';
import { csvRows, expectOneSentence } from './helpers/rows.js';

const root = temporaryFolder();

vi.setConfig({ testTimeout: 300_000 });

const NAMES = readdirSync(PHOTOS).filter((name) => name.endsWith('.jpg'));

const run = (...words: readonly string[]) =>
  runCommand(words, { cwd: root, env: { VGG16_CACHE_DIR: join(root, 'cache') } });

async function done(...words: readonly string[]): Promise<Result> {
  const result = await run(...words);
  expect(result.code, `${words.join(' ')}: ${result.stderr}`).toBe(0);
  return result;
}

beforeAll(async () => {
  mkdirSync(join(root, 'photos'));
  for (const name of NAMES) place(join(root, 'photos', name), join(PHOTOS, name));
  writeFileSync(join(root, 'photos', 'damaged.jpg'), 'not a photo');
  await done('model', 'quantize', 'mini', '--calibrate', 'photos', '-o', 'int8.safetensors', '-q');
});

describe('model quantize', () => {
  it('says with --json what was chosen, and what it costs on images that were kept back', async () => {
    const { stdout } = await done(
      'model',
      'quantize',
      'mini',
      '--calibrate',
      'photos',
      '-o',
      'b.safetensors',
      '--json',
    );
    const report = JSON.parse(stdout.toString());
    const kept = Math.floor(NAMES.length / 4);
    expect(report).toMatchObject({ model: 'mini', path: 'b.safetensors', failed: 1, features: 'fc7' });
    expect(report).toMatchObject({ calibrated: NAMES.length - kept, cost: { images: kept, top1: 100 } });
    expect(report.bytes).toBe(statSync(join(root, 'b.safetensors')).size);
    expect(report.measured).toBe(hasInt8(cpuFeatures()) ? 'int8' : 'int8-simulated');
    const { mean, worst } = report.cost.cosine;
    expect(mean).toBeGreaterThan(0.998);
    expect(worst).toBeLessThanOrEqual(mean);
    expect(report.cost.logits.meanDiff).toBeLessThan(report.cost.logits.maxDiff);
    expect(report.cost.logits.maxDiff).toBeLessThan(0.1 * report.cost.logits.largest);
    const errors = report.methods.map(({ error }: { readonly error: number }) => error);
    expect(report.methods).toHaveLength(3);
    const chosen = report.methods.find(({ method }: { readonly method: string }) => method === report.method);
    expect(chosen.error).toBe(Math.min(...errors));
  });

  it('writes a file of a quarter of float32, smaller than one of 16 bits, the same bytes each time', async () => {
    await done('model', 'quantize', 'mini', '--calibrate', 'photos', '-o', 'again.safetensors', '-q');
    const [first, again] = ['int8.safetensors', 'again.safetensors'].map((name) => statSync(join(root, name)).size);
    expect(again).toBe(first);
    const bits16 = statSync(join(ROOT, 'fixtures/models/mini.safetensors')).size;
    expect(first).toBeLessThan(0.6 * bits16);
  });

  it('takes several words for --calibrate, other images for --check, and one method', async () => {
    const [a = '', b = '', c = '', d = ''] = NAMES.map((name) => join('photos', name));
    const { stdout } = await done(
      ...['model', 'quantize', 'mini', '--calibrate', a, b, c, '--check', d, '--method', 'max'],
      ...['-o', 'few.safetensors', '--json'],
    );
    expect(JSON.parse(stdout.toString())).toMatchObject({
      calibrated: 3,
      method: 'max',
      methods: [],
      cost: { images: 1 },
    });
  });

  it('prints a report for people', async () => {
    const { stderr } = await done('model', 'quantize', 'mini', '--calibrate', 'photos', '-o', 'told.safetensors');
    expect(stderr).toMatch(/mini in int8 \(1\.1 MB\) → told\.safetensors/);
    expect(stderr).toMatch(/fc7: cosine 0\.99\d+ mean, 0\.99\d+ worst/);
    expect(stderr).toContain('same best class 100.00 %');
  });

  it.each([
    [['mini', '-o', 'x.safetensors'], 2, '--calibrate'],
    [['mini', '--calibrate', 'photos'], 2, '--output'],
    [['mini', '--calibrate', 'photos', '-o', 'int8.safetensors'], 2, 'exists'],
    [['mini', '--calibrate', 'photos', '-o', 'x.safetensors', '--method', 'best'], 2, '--method'],
    [['mini', '--calibrate', 'nowhere', '-o', 'x.safetensors'], 4, 'nowhere'],
    [['mini', '--calibrate', 'photos/damaged.jpg', '-o', 'x.safetensors'], 4, 'could read 0 images'],
    [['nothing.pth', '--calibrate', 'photos', '-o', 'x.safetensors'], 5, 'nothing.pth'],
    [['int8.safetensors', '--calibrate', 'photos', '-o', 'x.safetensors'], 5, 'not quantised'],
  ] as const)('refuses %j with exit code %i and one sentence, and leaves nothing behind', async (words, code, text) => {
    expect(expectOneSentence(await run('model', 'quantize', ...words), code)).toContain(text);
    expect(readdirSync(root).filter((name) => name.startsWith('x.safetensors') || name.endsWith('.partial'))).toEqual(
      [],
    );
  });
});

describe('--precision int8', () => {
  it('gives the labels of f32, in int8 where the processor has it, else in f32 with a notice', async () => {
    const words = ['classify', ...NAMES.map((name) => join('photos', name)), '--format', 'csv', '-k', '1'];
    const float = await done(...words, '-m', 'mini', '-q');
    const { stderr } = await done(...words, '-m', 'int8.safetensors', '--precision', 'int8', '-o', 'labels.csv');
    const labels = ({ stdout }: Result) => csvRows(stdout).map(({ label_1 }) => label_1);
    const int8 = await done(...words, '-m', 'int8.safetensors', '--precision', 'int8', '-q');
    expect(labels(int8)).toEqual(labels(float));
    const { settings } = readJson(join(root, 'labels.csv.run.json')) as { settings: Record<string, unknown> };
    if (hasInt8(cpuFeatures())) {
      expect(settings.precision).toBe('int8');
    } else {
      expect(settings.precision).toBe('f32');
      expect(stderr).toContain('This CPU has no int8 instructions (VNNI, AMX): running in f32');
    }
  });

  it('gives no sums before the ReLU: refused where int8 was asked for, and not what auto takes', async () => {
    const photos = NAMES.map((name) => join('photos', name));
    const words = ['extract', ...photos, '-m', 'int8.safetensors', '--layer', 'fc7', '--activation', 'pre'];
    if (hasInt8(cpuFeatures())) {
      const { stderr, code } = await run(...words, '--precision', 'int8', '-o', 'refused.npy');
      expect({ stderr, code }).toEqual({ stderr: expect.stringContaining('fc7 before it'), code: 2 });
    }
    await done(...words, '--precision', 'auto', '-o', 'pre.npy');
    const { settings } = readJson(join(root, 'pre.npy.run.json')) as { settings: Record<string, unknown> };
    expect(settings.precision).toBe(hasBf16(cpuFeatures()) ? 'bf16' : 'f32');
  });

  it('is refused for a model without ranges, and says what to type', async () => {
    const { stderr } = await run('classify', 'photos', '-m', 'mini', '--precision', 'int8');
    expect(stderr).toContain('vgg16 model quantize mini --calibrate IMAGES');
  });

  it('takes a quantised file like any model: inspect, verify, export', async () => {
    const { stdout } = await done('model', 'inspect', 'int8.safetensors', '--json');
    const { model } = JSON.parse(stdout.toString());
    expect(model.name).toBe('mini');
    expect(Object.keys(model.ranges)).toHaveLength(15);
    const limits = ['--max-diff', '0.1', '--min-top1', '90'];
    await done(
      'model',
      'verify',
      'int8.safetensors',
      '--against',
      'mini',
      ...limits,
      ...NAMES.map((n) => `photos/${n}`),
    );
    await done('model', 'export', 'int8.safetensors', '-o', 'int8.pth', '-q');
  });
});

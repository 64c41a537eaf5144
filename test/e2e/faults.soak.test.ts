/** What goes wrong on real machines and takes long to provoke: few descriptors, two runs at once, images that leave. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import './faults.e2e.test.js';
import { done, folderOf, photo, products, safeRows } from './helpers/outputs.js';
import { PROGRAM, start, startProgram, vgg16 } from './helpers/program.js';
import { jsonRows } from './helpers/rows.js';

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

describe('few descriptors', () => {
  // macOS gives 256. Node reads the modules of a program at once: some 60 of this tool's own, 50 of those that write Parquet.
  it.each([
    ['extract', 96, 'x.npy', ['-l', 'fc6', '-l', 'fc7']],
    ['export', 256, 'dataset', ['--shard-rows', '1']],
  ] as const)('are enough for %s (%i), and to go on with --resume', async (command, limit, output, flags) => {
    const folder = folderOf(`few-${output}`, 150);
    const words = [command, 'photos', '-q', '-b8', ...flags];
    const few = (...more: readonly string[]) => {
      const shell = ['-c', `ulimit -n ${limit}; exec "$@"`, 'sh', process.execPath, PROGRAM, ...words, ...more];
      return startProgram('sh', shell, { cwd: folder, env: { VGG16_MODEL: 'mini' }, input: '' }).done;
    };
    const first = await few('-o', output);
    expect(first.code, first.stderr).toBe(0);
    for (const i of [75, 149]) rmSync(join(folder, photo(i)));
    const resumed = await few('-o', output, '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    await done(folder, [...words, '-o', `many-${output}`]);
    expect(products(folder, output)).toEqual(products(folder, `many-${output}`));
  });
});

describe('two runs of the same share at once', () => {
  it.each([
    ['extract', 'x.npy', []],
    ['extract', 'x.parquet', []],
    ['export', 'dataset', ['--shard-rows', '7']],
  ])('%s to %s: both end with 0 and one output', async (command, output, flags) => {
    const folder = folderOf(`both-${output}`, 120);
    const words = [command, 'photos', '--shard', '2/2', '-b8', ...flags, '-o'];
    await done(folder, [...words, `one-${output}`]);
    const beside = () => vgg16([...words, output, '--resume', '-q'], { cwd: folder, env: { VGG16_MODEL: 'mini' } });
    const both = await Promise.all([beside(), beside()]);
    for (const { code, stderr } of both) expect(code, stderr).toBe(0);
    expect(products(folder, output)).toEqual(products(folder, `one-${output}`));
  });
});

describe('images that vanish while the run goes on', () => {
  it('in a folder: --resume leaves out those that are gone', async () => {
    const folder = folderOf('leaving', 400);
    const running = start(['extract', 'photos', '-b4', '-q', '-l', 'logits', '-o', 'x.npy'], {
      cwd: folder,
      env: { VGG16_MODEL: 'mini' },
    });
    await expect.poll(() => safeRows(folder, 'x.npy'), { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    for (const i of [0, 1, 398]) rmSync(join(folder, photo(i)));
    rmSync(join(folder, photo(399)));
    writeFileSync(join(folder, photo(399)), 'no image');
    const { code, stderr } = await running.done;
    expect([0, 3], stderr).toContain(code);
    await done(folder, ['extract', 'photos', '-l', 'logits', '-o', 'x.npy', '--resume'], 3);
    await done(folder, ['extract', 'photos', '-l', 'logits', '-o', 'y.npy'], 3);
    expect(products(folder, 'x.npy')).toEqual(products(folder, 'y.npy'));
  });
});

describe('a list', () => {
  it('of 200,000 names is listed by -n, and a share of it is computed', async () => {
    const HUGE = 200_000;
    const folder = folderOf('huge-list', 12);
    const names = Array.from({ length: HUGE }, (_, i) => photo((i * 7) % 12));
    writeFileSync(join(folder, 'huge.txt'), `${names.join('\n')}\n`);
    const dry = await vgg16(['extract', '--files-from', 'huge.txt', '-n'], { cwd: folder });
    expect(dry.code, dry.stderr).toBe(0);
    expect(dry.stdout.toString()).toBe(readFileSync(join(folder, 'huge.txt'), 'utf8'));
    expect(dry.stderr).toContain('200,000 images would be read.');
    const words = ['--files-from', 'huge.txt', '--shard', '1/1000', '-l', 'logits', '-o', 'share.jsonl'];
    await done(folder, ['extract', ...words]);
    const rows = jsonRows(readFileSync(join(folder, 'share.jsonl')));
    expect(rows.map(({ path, index }) => [path, index])).toEqual(
      Array.from({ length: HUGE / 1000 }, (_, i) => [photo((i * 1000 * 7) % 12), i * 1000]),
    );
  });
});

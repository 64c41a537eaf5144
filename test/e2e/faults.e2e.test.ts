/** What goes wrong on real machines: full and read-only disks, images that change, odd lists. */

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SOAK } from '../soak.js';
import { PHOTO_NAMES, PHOTOS } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { done, folderOf, photo, products, root, run, safeRows } from './helpers/outputs.js';
import { start, vgg16 } from './helpers/program.js';
import { csvRows, expectOneSentence, jsonRows } from './helpers/rows.js';

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

/** A disk of its own, where this machine lets us have one. */
const DISK = join(root, 'disk');
mkdirSync(DISK);
const hasDisk = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', DISK]).status === 0;
afterAll(() => {
  if (hasDisk) execFileSync('umount', [DISK]);
});
afterEach(() => {
  if (hasDisk) for (const name of readdirSync(DISK)) rmSync(join(DISK, name), { recursive: true });
});
const remount = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, DISK]);

describe.skipIf(!hasDisk)('a full disk (needs root, for a tmpfs)', () => {
  let folder: string;
  beforeAll(() => {
    folder = folderOf('full', 250);
  });

  it.each([
    ['extract', 'x.csv', ['-l', 'fc7'], '256k'],
    ['extract', 'x.npy', ['-l', 'fc7'], '192k'],
    ['export', 'dataset', ['--shard-rows', '50'], '192k'],
  ])(
    '%s to %s: 1 and one sentence, whole rows stay, and with room --resume ends in the same bytes',
    async (command, output, flags, size) => {
      await done(folder, [command, 'photos', '-o', output, ...flags]);
      remount(`size=${size}`);
      const words = [command, 'photos', '-b16', '-o', join(DISK, output), ...flags];
      // A process of its own: what a living one has not finished is left alone by --resume.
      const full = await vgg16([...words, '--no-progress'], { cwd: folder, env: { VGG16_MODEL: 'mini' } });
      expect(expectOneSentence(full, 1)).toMatch(/^Expected to write .+ but no space is left on the device\.$/);
      expect(full.stderr).toMatch(
        /^note: The rows that were done are in .+; the same command with --resume goes on from there\.$/m,
      );
      // Every journal line has its whole row.
      const journals = readdirSync(DISK, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.journal'),
      );
      const rows = journals.flatMap((name) => readFileSync(join(DISK, name), 'utf8').split('\n').slice(1, -1));
      const stored = rows.map((line) => JSON.parse(line) as object).filter((line) => 'path' in line);
      expect(stored.length).toBeGreaterThan(0);
      expect(stored.length).toBeLessThan(250);
      remount('size=64m');
      const resumed = await runCommand([...words, '--no-progress', '--resume'], {
        cwd: folder,
        env: { VGG16_MODEL: 'mini' },
      });
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(resumed.stderr).toContain(`${stored.length} from an earlier run`);
      expect(products(DISK, output)).toEqual(products(folder, output));
    },
  );
});

describe.skipIf(!hasDisk)('a read-only folder (needs root, for a tmpfs)', () => {
  it.each([
    ['extract', 'x.csv'],
    ['extract', 'x.npy'],
    ['export', 'dataset'],
  ])('%s to %s: 2 and one sentence', async (command, output) => {
    remount('size=64m,ro');
    try {
      for (const more of [[], ['--resume']]) {
        const refused = await run(PHOTOS, [command, 'cat.jpg', '-o', join(DISK, output), ...more]);
        expect(expectOneSentence(refused, 2)).toContain('the file system is read-only');
      }
      expect(readdirSync(DISK)).toEqual([]);
    } finally {
      remount('size=64m,rw');
    }
  });
});

describe('images that vanish, change or are cut off while the run goes on', () => {
  it.each(SOAK ? ['x.npy', 'x.csv', 'x.parquet', 'x.jsonl'] : ['x.npy', 'x.csv'])(
    '%s: rows, and with --resume those of a new run',
    async (output) => {
      const folder = folderOf(`changing-${output}`, 24);
      const names = Array.from({ length: 24 }, (_, i) => photo(i));
      const words = ['extract', '--files-from', '-', '-b4', '-q', '-l', 'logits', '-o', output];
      const running = start(words, { cwd: folder, env: { VGG16_MODEL: 'mini' } });
      running.child.stdin.write(
        names
          .slice(0, 8)
          .map((name) => `${name}\n`)
          .join(''),
      );
      await expect.poll(() => safeRows(folder, output), { timeout: 30_000 }).toBe(8);
      const fresh = (i: number, change: (file: string) => void) => {
        const file = join(folder, photo(i));
        rmSync(file); // the photographs are links
        copyFileSync(join(PHOTOS, PHOTO_NAMES[0] as string), file);
        change(file);
      };
      fresh(2, rmSync); // of this one the row is written
      fresh(3, () => {});
      fresh(4, (file) => truncateSync(file, 1000));
      fresh(12, rmSync); // of these it is not
      fresh(13, () => {});
      fresh(14, (file) => truncateSync(file, 1000));
      fresh(15, (file) => truncateSync(file, 0));
      running.child.stdin.end(
        names
          .slice(8)
          .map((name) => `${name}\n`)
          .join(''),
      );
      const { code, stderr } = await running.done;
      expect(code, stderr).toBe(3);
      if (output === 'x.csv' || output === 'x.jsonl') {
        const text = readFileSync(join(folder, output));
        const rows: readonly { path: string; status: string }[] =
          output === 'x.csv' ? (csvRows(text) as never) : jsonRows(text);
        expect(rows.map(({ path }) => path)).toEqual(names);
        expect(rows.flatMap(({ status }, i) => (status === 'ok' ? [] : [i]))).toEqual([12, 14, 15]);
      }
      const list = names.join('\n');
      await done(folder, [...words, '--resume'], 3, list);
      const sound = words.slice(0, -1);
      await done(folder, [...sound, `fresh-${output}`], 3, list);
      expect(products(folder, output)).toEqual(products(folder, `fresh-${output}`));
    },
  );
});

describe('a list', () => {
  let folder: string;
  beforeAll(() => {
    folder = folderOf('lists', 12);
  });

  it('with repeats: a row each, the same whenever the image is the same', async () => {
    const names = [0, 1, 0, 0, 2, 1].map(photo);
    const words = ['extract', '--files-from', '-', '-l', 'logits'];
    await done(folder, [...words, '-o', 'repeats.jsonl'], 0, names.join('\n'));
    const rows = jsonRows(readFileSync(join(folder, 'repeats.jsonl')));
    expect(rows.map(({ path, index }) => [path, index])).toEqual(names.map((name, i) => [name, i]));
    for (const row of rows) {
      const first = rows.find(({ path }) => path === row.path);
      expect(row.embedding).toEqual(first.embedding);
    }
    await done(folder, [...words, '-o', 'repeats.jsonl', '--resume'], 0, [...names, photo(0)].join('\n'));
    await done(folder, [...words, '-o', 'anew.jsonl'], 0, [...names, photo(0)].join('\n'));
    expect(products(folder, 'repeats.jsonl')).toEqual(products(folder, 'anew.jsonl'));
  });
});

/** Outputs that are compressed by their name: alone, continued, merged, in a hurry and on a full disk. */

import { execFileSync, spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decompressFile } from '../../src/output/files/compression.js';
import { PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { PROGRAM, type Result, start, startProgram, vgg16 } from './helpers/program.js';
import { csvRows, expectOneSentence } from './helpers/rows.js';

const root = temporaryFolder();

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const IMAGES = 40;

beforeAll(() => {
  mkdirSync(join(root, 'photos'));
  const sources = PHOTO_NAMES.map((photo) => place(join(root, 'sources', photo), join(PHOTOS, photo)));
  for (let i = 0; i < IMAGES; i += 1) {
    linkSync(sources[i % sources.length] as string, join(root, 'photos', `${String(i).padStart(3, '0')}.jpg`));
  }
});

function run(words: readonly string[], folder = root): Promise<Result> {
  return runCommand([...words, '-q'], { cwd: folder, env: { VGG16_MODEL: 'mini' } });
}

async function done(words: readonly string[], folder = root): Promise<void> {
  const result = await run(words, folder);
  expect(result.code, `${words.join(' ')}: ${result.stderr}`).toBe(0);
}

const bytesOf = (name: string) => readFileSync(join(root, name));

async function textOf(name: string): Promise<Buffer> {
  if (name.endsWith('.gz')) return gunzipSync(bytesOf(name));
  // What it reads is held against other programs in its own test.
  await decompressFile(join(root, name), join(root, 'plain'), 'zstd');
  const text = bytesOf('plain');
  rmSync(join(root, 'plain'));
  return text;
}

describe.each(['gz', 'zst'])('.%s', (extension) => {
  it.each([
    ['classify', 'csv', []],
    ['classify', 'jsonl', []],
    ['extract', 'csv', ['-l', 'logits']],
    ['extract', 'jsonl', ['-l', 'logits', '-l', 'fc7']],
  ])('%s: the %s of a plain output, and nothing besides', async (command, format, flags) => {
    const plain = `${command}-${extension}.${format}`;
    await done([command, 'photos', ...flags, '-o', plain]);
    await done([command, 'photos', ...flags, '-o', `${plain}.${extension}`]);
    expect((await textOf(`${plain}.${extension}`)).equals(bytesOf(plain))).toBe(true);
    const beside = readdirSync(root).filter((name) => name.startsWith(`${plain}.${extension}`));
    expect(beside.sort()).toEqual(['', '.journal', '.run.json'].map((end) => `${plain}.${extension}${end}`));
  });

  it('goes on to the bytes of an undisturbed run, and stays as it is when it is whole', async () => {
    const words = ['extract', 'photos', '-l', 'fc7', '-o'];
    await done([...words, `whole.csv.${extension}`]);
    await done([...words, `later.csv.${extension}`, '--exclude', '**/02*.jpg', '--exclude', '**/039.jpg']);
    await done([...words, `later.csv.${extension}`, '--resume']);
    expect(bytesOf(`later.csv.${extension}`).equals(bytesOf(`whole.csv.${extension}`))).toBe(true);
    const before = statSync(join(root, `later.csv.${extension}`), { bigint: true });
    await done([...words, `later.csv.${extension}`, '--resume']);
    const after = statSync(join(root, `later.csv.${extension}`), { bigint: true });
    expect([after.ino, after.ctimeNs]).toEqual([before.ino, before.ctimeNs]);
  });
});

describe('merge', () => {
  const PARTS = ['part-1.csv.gz', 'part-2.csv.zst', 'part-3.csv'];
  beforeAll(async () => {
    mkdirSync(join(root, 'parts'));
    for (const [i, part] of PARTS.entries()) {
      await done(['extract', 'photos', '-l', 'fc7', '--shard', `${i + 1}/3`, '-o', join('parts', part)]);
    }
    for (const end of ['csv', 'csv.gz', 'csv.zst'])
      await done(['extract', 'photos', '-l', 'fc7', '-o', `single.${end}`]);
  });
  const parts = PARTS.map((part) => join('parts', part));

  it.each(['csv', 'csv.gz', 'csv.zst'])('of parts that are compressed or not is the single run: %s', async (end) => {
    const before = readdirSync(join(root, 'parts'));
    await done(['merge', ...parts, '-o', `merged.${end}`]);
    expect(bytesOf(`merged.${end}`).equals(bytesOf(`single.${end}`))).toBe(true);
    await done(['merge', ...parts, '-o', `merged.${end}`, '--resume']);
    expect(readdirSync(join(root, 'parts'))).toEqual(before);
  });

  it.each([
    ['csv.zst', parts],
    ['parquet', [1, 2, 3].map((i) => join('parts', `part-${i}.parquet`))],
  ])('twice at once of the same parts spoils neither, and writes nothing beside them: %s', async (end, named) => {
    if (end === 'parquet') {
      for (const [i, part] of named.entries()) {
        await done(['extract', 'photos', '-l', 'fc7', '--shard', `${i + 1}/3`, '-o', part]);
      }
      await done(['extract', 'photos', '-l', 'fc7', '-o', `single.${end}`]);
    }
    const seen: string[] = [];
    const watcher = watch(join(root, 'parts'), (_event, name) => seen.push(name ?? ''));
    const merges = [1, 2, 3].map((i) => vgg16(['merge', ...named, '-q', '-o', `both-${i}.${end}`], { cwd: root }));
    for (const { code, stderr } of await Promise.all(merges)) expect(code, stderr).toBe(0);
    watcher.close();
    for (const i of [1, 2, 3]) expect(bytesOf(`both-${i}.${end}`).equals(bytesOf(`single.${end}`))).toBe(true);
    expect(seen).toEqual([]);
    expect(readdirSync(root).filter((name) => /unpacked|partial/.test(name))).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('that %s ends while it unpacks leaves nothing', async (signal) => {
    const output = `ended-${signal}.csv`;
    const running = start(['merge', ...parts, '-q', '-o', output], { cwd: root });
    const watcher = watch(root, (_event, name) => {
      if (name?.includes('.unpacked')) running.child.kill(signal);
    });
    const { code, stderr } = await running.done;
    watcher.close();
    // It may have been done before the signal came.
    expect([0, signal === 'SIGINT' ? 130 : 143], stderr).toContain(code);
    const left = readdirSync(root).filter((name) => name.startsWith(output) && /unpacked|partial/.test(name));
    expect(left).toEqual([]);
  });

  it('refuses a name of another format', async () => {
    for (const name of ['all.jsonl', 'all.xlsx', 'all.npy.gz', 'new/']) {
      expectOneSentence(await run(['merge', ...parts, '-o', name]), 2);
    }
  });
});

describe('a name that says another format', () => {
  /** There is no such model: whoever gets as far as loading it ends with 5. */
  const early = (words: readonly string[]) =>
    runCommand([...words, '-q', '-m', join(root, 'none.safetensors')], { cwd: root });

  it.each(['x.xlsx', 'x.json', 'x.npz', 'x.npy', 'x.parquet.gz', 'x.npy.zst', 'x.csv.bz2', 'x.csv.gz.gz', 'x.jpg'])(
    '%s: classify ends with 2 before the work, and says what it has',
    async (name) => {
      const sentence = expectOneSentence(await early(['classify', 'photos', '-o', name]), 2);
      expect(sentence).toContain('.csv or .jsonl (also .csv.gz, .csv.zst, .jsonl.gz, .jsonl.zst)');
    },
  );

  it.each([['x.npz'], ['x.npy.gz'], ['x.gz'], ['x.parquet.zst'], ['x.npy.gz', '--format', 'npy']])(
    '%s: extract ends with 2 before the work',
    async (name, ...more) => {
      expect(expectOneSentence(await early(['extract', 'photos', '-o', name, ...more]), 2)).toContain('.safetensors');
    },
  );

  it('is taken where the format is said, and compressed by its end', async () => {
    await done(['classify', 'photos', '--format', 'csv', '-o', 'labels.dat']);
    await done(['classify', 'photos', '--format', 'csv', '-o', 'labels.dat.gz']);
    expect(csvRows(bytesOf('labels.dat'))).toHaveLength(IMAGES);
    expect((await textOf('labels.dat.gz')).equals(bytesOf('labels.dat'))).toBe(true);
  });

  it('of a pipe is refused, whose text would not be compressed', async () => {
    execFileSync('mkfifo', [join(root, 'pipe.csv.gz')]);
    // Opened for both, so that nobody waits for a reader.
    const words = `exec 3<>pipe.csv.gz; exec "$0" "$@"`;
    const result = spawnSync(
      'sh',
      ['-c', words, process.execPath, PROGRAM, 'classify', 'photos', '-m', 'mini', '-o', 'pipe.csv.gz'],
      { cwd: root, encoding: 'utf8' },
    );
    expect(result.status, result.stderr).toBe(2);
    expect(result.stderr).toContain('is a pipe or a device');
  });
});

it.skipIf(process.platform !== 'linux')('.zst under ulimit -v: 2 before the work, and .gz goes on', async () => {
  // WebAssembly wants 10 GB of addresses, in kilobytes here.
  const limited = (...words: readonly string[]) =>
    startProgram('sh', ['-c', 'ulimit -v 8000000; exec "$@"', 'sh', process.execPath, PROGRAM, ...words], {
      cwd: root,
      input: '',
    }).done;
  const none = join(root, 'none.safetensors');
  const refused = await limited('classify', 'photos', '-q', '-m', none, '-o', 'limited.csv.zst');
  expect(expectOneSentence(refused, 2)).toContain('WebAssembly');
  expect(refused.stderr).toContain('.gz needs none');
  // As far as the model, which is not there.
  expectOneSentence(await limited('classify', 'photos', '-q', '-m', none, '-o', 'limited.csv.gz'), 5);
});

/** A disk of its own, where this machine lets us have one. */
const DISK = join(root, 'disk');
mkdirSync(DISK);
const hasDisk = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', DISK]).status === 0;
afterAll(() => {
  if (hasDisk) execFileSync('umount', [DISK]);
});

describe.skipIf(!hasDisk)('a disk that is full before all is compressed (needs root, for a tmpfs)', () => {
  it.each(['gz', 'zst'])(
    '.%s: 1 and one sentence, all rows stay, and with room --resume ends well',
    async (extension) => {
      const words = ['extract', 'photos', '-l', 'fc7', '-l', 'pool4', '--pool', 'none', '-b8', '-o'];
      await done([...words, `full.csv.${extension}`]);
      const text = await textOf(`full.csv.${extension}`);
      const journal = statSync(join(root, `full.csv.${extension}.journal`)).size;
      const packed = statSync(join(root, `full.csv.${extension}`)).size;
      expect(packed).toBeGreaterThan(4 * 4096);
      // Room for the rows and the journal, and for a part of what is made of them.
      const pages = Math.ceil(text.length / 4096) + Math.ceil(journal / 4096) + Math.floor(packed / 4096 / 2);
      execFileSync('mount', ['-o', `remount,size=${(pages + 1) * 4096}`, DISK]);
      const output = join(DISK, `full.csv.${extension}`);
      // A process of its own: what a living one has not finished is left alone by --resume.
      const full = await vgg16([...words, output, '--no-progress'], { cwd: root, env: { VGG16_MODEL: 'mini' } });
      expect(expectOneSentence(full, 1)).toBe(`Expected to write ${output} but no space is left on the device.`);
      const [, partial = ''] = /^note: The rows that were done are in (.+); the same/m.exec(full.stderr) ?? [];
      expect(readFileSync(partial).equals(text)).toBe(true);
      execFileSync('mount', ['-o', 'remount,size=64m', DISK]);
      await done([...words, output, '--resume']);
      expect(readFileSync(output).equals(bytesOf(`full.csv.${extension}`))).toBe(true);
      expect(readdirSync(DISK).filter((name) => name.includes('partial'))).toEqual([]);
      for (const name of readdirSync(DISK)) rmSync(join(DISK, name));
    },
  );
});

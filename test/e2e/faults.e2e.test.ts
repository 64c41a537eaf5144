/** What goes wrong on real machines: full and read-only disks, images that change, few descriptors, odd lists, bad parts. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MINI, PHOTO_NAMES, PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { PROGRAM, type Result, start, startProgram, vgg16 } from './helpers/program.js';
import { csvRows, expectOneSentence, jsonRows } from './helpers/rows.js';

const root = temporaryFolder();

/** A machine that does other work takes ten times as long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

/** Outputs made at the same time. */
const LANES = 2;

async function inLanes<T>(items: readonly T[], each: (item: T) => Promise<unknown>): Promise<void> {
  const rest = [...items];
  const lane = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await each(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Mini, quiet, at `folder`; stdin is empty unless given. */
function run(folder: string, words: readonly string[], input = ''): Promise<Result> {
  return vgg16([...words, '-q'], { cwd: folder, env: { VGG16_MODEL: 'mini' }, input });
}

async function done(folder: string, words: readonly string[], code = 0, input = ''): Promise<Result> {
  const result = await run(folder, words, input);
  expect(result.code, `${words.join(' ')}: ${result.stderr}`).toBe(code);
  return result;
}

/** `photos` with so many images in it; the names sort in order. */
function folderOf(name: string, images: number): string {
  const folder = join(root, name);
  mkdirSync(join(folder, 'photos'), { recursive: true });
  const sources = PHOTO_NAMES.map((photo) => place(join(folder, 'sources', photo), join(PHOTOS, photo)));
  for (let i = 0; i < images; i += 1) linkSync(sources[i % sources.length] as string, join(folder, photo(i)));
  return folder;
}

function photo(i: number): string {
  return `photos/${String(i).padStart(4, '0')}.jpg`;
}

/** Name → content of all that an output is: the file and what lies beside it, or a folder; without times and hosts. */
function products(folder: string, output: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((name) => name.startsWith(`${output}.`) || name.startsWith(`${output}/`) || name === output);
  const ours = /^[^/]+\.(?:run\.json|journal)$|^[^/]+\/(?:run\.json|journal\/part-\d+\.journal)$/;
  return Object.fromEntries(
    names
      .filter((name) => !ours.test(name))
      .sort()
      .map((name) => [name.slice(output.length), readFileSync(join(folder, name), 'latin1')]),
  );
}

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
      const resumed = await vgg16([...words, '--no-progress', '--resume'], {
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
  /** Rows that are safe, by the journals of unfinished attempts. */
  const safeRows = (folder: string, output: string) =>
    readdirSync(folder)
      .filter((name) => name.startsWith(`${output}.`) && name.endsWith('.journal'))
      .reduce((rows, name) => rows + readFileSync(join(folder, name), 'utf8').split('\n').length - 2, 0);

  it.each(['x.npy', 'x.csv', 'x.parquet', 'x.jsonl'])(
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

describe('a list', () => {
  const HUGE = 200_000;
  let folder: string;
  beforeAll(() => {
    folder = folderOf('lists', 12);
    const names = Array.from({ length: HUGE }, (_, i) => photo((i * 7) % 12));
    writeFileSync(join(folder, 'huge.txt'), `${names.join('\n')}\n`);
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

  it('of 200,000 names is listed by -n, and a share of it is computed', async () => {
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

describe('two runs of the same share at once', () => {
  it.each([
    ['extract', 'x.npy', []],
    ['extract', 'x.parquet', []],
    ['export', 'dataset', ['--shard-rows', '7']],
  ])('%s to %s: both end with 0 and one output', async (command, output, flags) => {
    const folder = folderOf(`both-${output}`, 120);
    const words = [command, 'photos', '--shard', '2/2', '-b8', ...flags, '-o'];
    await done(folder, [...words, `one-${output}`]);
    const both = await Promise.all([
      run(folder, [...words, output, '--resume']),
      run(folder, [...words, output, '--resume']),
    ]);
    for (const { code, stderr } of both) expect(code, stderr).toBe(0);
    expect(products(folder, output)).toEqual(products(folder, `one-${output}`));
  });
});

describe('merge', () => {
  const IMAGES = 13;
  const SHARES = [1, 2, 3];
  let folder: string;
  const EXTRACTS = ['csv', 'jsonl', 'npy', 'safetensors', 'parquet'];
  const part = (share: number, format: string) => `part-${share}.${format}`;
  const parts = (format: string) => SHARES.map((share) => part(share, format));
  const words = (format: string) =>
    format === 'dataset'
      ? ['export', 'photos', '--shard-rows', '4']
      : ['extract', 'photos', '-l', 'fc7', '-l', 'logits'];

  /** A broken image is in one of the shares. */
  async function make(format: string, output: string, ...more: readonly string[]): Promise<void> {
    const { code, stderr } = await run(folder, [...words(format), '-o', output, ...more]);
    expect([0, 3], stderr).toContain(code);
  }

  beforeAll(async () => {
    folder = folderOf('merge', IMAGES);
    writeFileSync(join(folder, 'photos', '0005-broken.jpg'), 'no image');
    const outputs = [...EXTRACTS, 'dataset'].flatMap((format) => [0, ...SHARES].map((share) => ({ format, share })));
    await inLanes(outputs, ({ format, share }) =>
      share === 0 ? make(format, `single.${format}`) : make(format, part(share, format), '--shard', `${share}/3`),
    );
  });

  it.each([...EXTRACTS, 'dataset'])('of three shares, in any order, is the single run: %s', async (format) => {
    await done(folder, ['merge', ...parts(format).reverse(), '-o', `merged.${format}`]);
    const merged = products(folder, `merged.${format}`);
    const single = products(folder, `single.${format}`);
    expect(Object.keys(merged)).toEqual(Object.keys(single));
    expect(merged).toEqual(single);
    const again = await vgg16(['merge', ...parts(format), '-o', `merged.${format}`, '--resume'], { cwd: folder });
    expect(again.stderr).toContain('Nothing to do');
    expect(again.code).toBe(0);
  });

  /** `merge` says why not, with 2, and leaves nothing. */
  async function refused(named: readonly string[]): Promise<string> {
    const before = readdirSync(folder);
    const sentence = expectOneSentence(await run(folder, ['merge', ...named, '-o', 'refused']), 2);
    expect(readdirSync(folder)).toEqual(before);
    return sentence;
  }

  /** Part 2 as it was, with one thing changed. */
  function damagedPart(format: string, name: string, offset: number): string {
    const to = part(2, format).replace('part', 'damaged');
    for (const file of readdirSync(folder)) {
      if (file.startsWith(part(2, format).replace(`.${format}`, '')) && !file.includes('run.json'))
        cpSync(join(folder, file), join(folder, file.replace('part', 'damaged')), { recursive: true });
    }
    const file = join(folder, name);
    const bytes = readFileSync(file);
    const at = offset < 0 ? bytes.length + offset : offset;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(file, bytes);
    return to;
  }

  it('without one: refused', async () => {
    expect(await refused(['part-1.csv', 'part-3.csv'])).toContain('2/3 is missing');
    expect(await refused(['part-1.dataset', 'part-3.dataset'])).toContain('2/3 is missing');
    expect(await refused(['part-1.csv', 'part-2.csv', 'none.csv'])).toContain('none.csv');
    expect(await refused(['part-1.dataset', 'part-2.dataset', 'none'])).toContain('none');
  });

  it('with one twice: refused', async () => {
    expect(await refused(['part-1.csv', 'part-2.csv', 'part-3.csv', 'part-2.csv'])).toMatch(/part-2\.csv .* 2\/3/);
    const twice = ['part-1.dataset', 'part-2.dataset', 'part-3.dataset', 'part-2.dataset'];
    expect(await refused(twice)).toMatch(/part-2\.dataset .* 2\/3/);
  });

  it('with one of another model, or of other settings: refused', async () => {
    const model = readFileSync(MINI);
    model[model.length - 1] = (model[model.length - 1] as number) ^ 1;
    writeFileSync(join(folder, 'other.safetensors'), model);
    await make('csv', 'other-2.csv', '--shard', '2/3', '-m', 'other.safetensors');
    expect(await refused(['part-1.csv', 'other-2.csv', 'part-3.csv'])).toMatch(
      /other-2\.csv differs from part-1\.csv: .*model/,
    );
    await make('csv', 'l2-2.csv', '--shard', '2/3', '--normalize', 'l2');
    expect(await refused(['part-1.csv', 'l2-2.csv', 'part-3.csv'])).toContain('normalize (none, there l2)');
    expect(await refused(['part-1.csv', 'part-2.npy', 'part-3.csv'])).toMatch(/part-2\.npy is npy/);
  });

  it.each([
    ['csv', 'damaged-2.csv', -10],
    ['jsonl', 'damaged-2.jsonl', -10],
    ['npy', 'damaged-2.fc7.npy', -1],
    ['npy', 'damaged-2.npy.paths', 3],
    ['safetensors', 'damaged-2.safetensors', -1],
  ] as const)('with one of which a byte is damaged: refused (%s, %s)', async (format, file, offset) => {
    const damaged = damagedPart(format, file, offset);
    const others = [part(1, format), part(3, format)];
    expect(await refused([...others, damaged])).toContain(damaged);
  });

  it('with a dataset of which a byte is damaged: refused', async () => {
    const file = join(folder, 'part-2.dataset/fc7/part-00000.npy');
    const sound = readFileSync(file);
    const bytes = Buffer.from(sound);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(file, bytes);
    try {
      const { code, stderr } = await run(folder, ['merge', ...parts('dataset'), '-o', 'refused-dataset']);
      expect(expectOneSentence({ code, stderr } as Result, 2)).toContain('part-2.dataset');
      expect(existsSync(join(folder, 'refused-dataset/manifest.json'))).toBe(false);
    } finally {
      writeFileSync(file, sound);
    }
  });

  it('with one that is not finished: refused, and not once it is', async () => {
    for (const [format, command] of [
      ['csv', ['extract', '-l', 'fc7', '-l', 'logits']],
      ['dataset', ['export', '--shard-rows', '2']],
    ] as const) {
      const output = `cut.${format}`;
      const flags = ['--files-from', '-', '-q', '-b2', '-m', 'mini', '-o', output];
      const running = start([...command, ...flags], { cwd: folder });
      running.child.stdin.write(Array.from({ length: 4 }, (_, i) => `${photo(i)}\n`).join(''));
      const journals = () =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' })
          .filter((name) => name.startsWith(output) && name.endsWith('.journal'))
          .flatMap((name) => readFileSync(join(folder, name), 'utf8').match(/"hash"/g) ?? []).length;
      await expect.poll(journals, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
      if (format === 'dataset')
        await expect.poll(() => existsSync(join(folder, output, 'manifest.json')), { timeout: 30_000 }).toBe(true);
      running.child.kill('SIGKILL');
      await running.done;
      expect(await refused([output])).toContain(output);
    }
  });

  it('with shares of different lists: refused', async () => {
    rmSync(join(folder, photo(12)));
    await make('csv', 'later-3.csv', '--shard', '3/3');
    linkSync(join(folder, photo(0)), join(folder, photo(12)));
    expect(await refused(['part-1.csv', 'part-2.csv', 'later-3.csv'])).toMatch(
      /later-3\.csv was taken of another than part-1\.csv/,
    );
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type ArraySpec, rowBytes } from '../../../src/output/arrays/spec.js';
import { Earlier } from '../../../src/output/store/earlier.js';
import { type JournalHeader, journalLine, readJournal } from '../../../src/output/store/journal.js';
import { attemptFiles, finalsOf, journalPath } from '../../../src/output/store/layout.js';
import { thisProcess } from '../../../src/process.js';
import { SOAK } from '../../soak.js';
import {
  computed,
  headFor,
  type Image,
  imageOf,
  imagesOf,
  KINDS,
  type Kind,
  layoutFor,
  SETTINGS,
  SPECS,
  storeFor,
} from './made.js';
import { buryWriters, contents, continued, cutOff, newFolder, plain, randoms, stamps, written } from './stores.js';

const images = imagesOf(12);

/** Numbers of the images that have a row; each row must be the image's to the byte. */
async function soundRows(kind: Kind, folder: string, of: readonly Image[] = images): Promise<number[]> {
  const earlier = new Earlier({ retryFailed: false });
  await earlier.add(layoutFor(kind, folder), SETTINGS);
  const found: number[] = [];
  for (const [index, image] of of.entries()) {
    const row = earlier.take(image.path, image.identity);
    if (row === undefined) continue;
    const bytes = await row.source.read(row);
    const fresh = computed(kind, image, index);
    expect(bytes?.text).toEqual(fresh.text);
    if (fresh.arrays !== null) expect(bytes?.arrays).toEqual(fresh.arrays);
    expect(row.entry).toMatchObject({ path: image.path, index, identity: image.identity });
    expect(row.entry.error).toEqual(fresh.error);
    found.push(image.value);
  }
  await earlier.close();
  return found;
}

/** The file of text, those of arrays and the journal of the attempt in `folder`. */
function filesIn(kind: Kind, folder: string) {
  const name = readdirSync(folder).find((entry) => /\.[0-9a-f]{8}\.journal$/.test(entry)) ?? '';
  const { text, arrays, journal } = attemptFiles(layoutFor(kind, folder), name.split('.').at(-2) ?? '');
  return { text, arrays, journal };
}

const specsOf = (kind: Kind): readonly ArraySpec[] => (/^(?:csv|jsonl)/.test(kind) ? [] : SPECS);

/** Bits turned over, and places cut at, in each file. */
const FLIPS = SOAK ? 25 : 4;

/** Every place near the end of a file, or every ninth of them, and some elsewhere. */
function placesIn(length: number, nearEnd: number, random: () => number): number[] {
  const step = SOAK ? 1 : 9;
  const near = Array.from({ length: Math.ceil(Math.min(length, nearEnd) / step) }, (_, i) => length - 1 - i * step);
  return [...near, ...Array.from({ length: FLIPS }, () => Math.floor(random() * length))];
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

describe.each(KINDS)('an attempt at %s that was cut off', (kind) => {
  it('gives its rows to the next, which computes the others and leaves nothing else', async () => {
    const [folder, alone] = [newFolder(), newFolder()];
    await cutOff(kind, folder, images.slice(0, 7));
    expect(await soundRows(kind, folder)).toEqual(upTo(7));
    expect(await continued(kind, folder, images)).toEqual({ changed: true, computed: [7, 8, 9, 10, 11], vanished: [] });
    await written(kind, alone, images);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('at any byte of any of its files gives every row before it', async () => {
    const folder = newFolder();
    await cutOff(kind, folder, images);
    const { text, arrays, journal } = filesIn(kind, folder);
    const rows = (await readJournal(journal))?.rows ?? [];
    const lines = readFileSync(journal, 'utf8').split('\n').slice(0, -1);
    const ends = (first: number, sizes: readonly number[]) => {
      let end = first;
      return sizes.map((size) => {
        end += size;
        return end;
      });
    };
    const random = randoms(1);
    const cuts = [
      {
        file: text,
        ends: ends(
          Buffer.byteLength(headFor(kind)),
          rows.map(({ bytes }) => bytes),
        ),
        near: 100,
      },
      ...arrays.map((file, i) => {
        const size = rowBytes(specsOf(kind)[i] as ArraySpec);
        return {
          file,
          ends: ends(
            128,
            rows.map(() => size),
          ),
          near: 3 * size,
        };
      }),
      // A line counts without its end, too.
      {
        file: journal,
        ends: ends(
          Buffer.byteLength(lines[0] ?? ''),
          lines.slice(1).map((line) => Buffer.byteLength(line) + 1),
        ),
        near: 400,
      },
    ];
    for (const { file, ends, near } of cuts) {
      const whole = readFileSync(file);
      for (const length of placesIn(whole.length, near, random)) {
        writeFileSync(file, whole.subarray(0, length));
        const expected = upTo(ends.filter((end) => end <= length).length);
        expect(await soundRows(kind, folder), `${file} cut at ${length} of ${whole.length}`).toEqual(expected);
      }
      writeFileSync(file, whole);
    }
    expect(await soundRows(kind, folder)).toEqual(upTo(12));
  });

  it('with a bit that has turned over anywhere costs rows, and never gives a wrong one', async () => {
    const whole = newFolder();
    await cutOff(kind, whole, images);
    const alone = newFolder();
    await written(kind, alone, images);
    const random = randoms(2);
    let refused = 0;
    const { text, arrays, journal } = filesIn(kind, whole);
    for (const file of [text, ...arrays, journal]) {
      const bytes = readFileSync(file);
      for (let i = 0; i < FLIPS; i += 1) {
        const folder = newFolder(whole);
        const place = Math.floor(random() * bytes.length);
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] as number) ^ (1 << Math.floor(random() * 8));
        writeFileSync(join(folder, file.slice(whole.length + 1)), damaged);
        try {
          await soundRows(kind, folder);
          await continued(kind, folder, images);
        } catch (error) {
          // The settings are in the journal's first line.
          expect(error, `bit at ${place} of ${file}`).toMatchObject({ code: 'USAGE' });
          refused += 1;
          continue;
        }
        for (const [name, content] of Object.entries(contents(alone))) {
          expect(contents(folder)[name], `bit at ${place} of ${file}`).toBe(content);
        }
        rmSync(folder, { recursive: true });
      }
    }
    expect(refused).toBeLessThan(FLIPS);
  });
});

describe.each(KINDS)('a finished output of %s', (kind) => {
  it('with a bit that has turned over anywhere is made whole', async () => {
    const whole = newFolder();
    await written(kind, whole, images);
    const random = randoms(3);
    const layout = layoutFor(kind, whole);
    let mended = 0;
    for (const file of [...finalsOf(layout), journalPath(layout.target)]) {
      const bytes = readFileSync(file);
      for (let i = 0; i < FLIPS; i += 1) {
        const folder = newFolder(whole);
        const place = Math.floor(random() * bytes.length);
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] as number) ^ (1 << Math.floor(random() * 8));
        writeFileSync(join(folder, file.slice(whole.length + 1)), damaged);
        try {
          await continued(kind, folder, images);
        } catch (error) {
          expect(error, `bit at ${place} of ${file}`).toMatchObject({ code: 'USAGE' });
          expect(file).toMatch(/journal$/);
          continue;
        }
        mended += 1;
        for (const final of finalsOf(layout)) {
          const name = final.slice(whole.length + 1);
          expect(plain(contents(folder))[name], `bit at ${place} of ${file}`).toBe(plain(contents(whole))[name]);
        }
        rmSync(folder, { recursive: true });
      }
    }
    expect(mended).toBeGreaterThan(FLIPS);
  });

  it('named by an attempt that died before it had named the journal goes on, and has its journal then', async () => {
    const folder = newFolder();
    await written(kind, folder, images);
    const whole = contents(folder);
    const journal = journalPath(layoutFor(kind, folder).target);
    const attempt = (await readJournal(journal))?.header.attempt;
    renameSync(journal, journal.replace(/journal$/, `${attempt}.journal`));
    buryWriters(folder);
    expect((await continued(kind, folder, images)).computed).toEqual([]);
    expect(contents(folder)).toEqual(whole);
    expect((await continued(kind, folder, images)).changed).toBe(false);
  });

  it('named half by a second attempt that died keeps all rows', async () => {
    const folder = newFolder();
    await written(kind, folder, images);
    const store = storeFor(kind, folder, { replace: true });
    const more = imagesOf(15);
    await store.append(more.map((image, i) => computed(kind, image, i)));
    await store.abandon({ keep: true });
    // As finish does, up to somewhere: what can be renamed of arrays and text.
    const layout = layoutFor(kind, folder);
    const { text, arrays } = filesIn(kind, folder);
    const renames = [...layout.arrays.map(({ final }, i) => [arrays[i], final]), [text, layout.textFinal]] as const;
    const state = newFolder(folder);
    for (const count of renames.keys()) {
      const copy = newFolder(state);
      for (const [from, to] of renames.slice(0, count + 1)) {
        if (typeof to === 'string')
          renameSync(join(copy, (from as string).slice(folder.length + 1)), join(copy, to.slice(folder.length + 1)));
      }
      buryWriters(copy);
      const alone = newFolder();
      await written(kind, alone, more);
      await continued(kind, copy, more);
      expect(contents(copy)).toEqual(contents(alone));
    }
  });
});

describe('several attempts', () => {
  it.each(KINDS)('at %s are united, each row once', async (kind) => {
    const [folder, alone] = [newFolder(), newFolder()];
    await cutOff(kind, folder, images.slice(0, 5));
    await cutOff(kind, folder, images.slice(3, 9));
    await cutOff(kind, folder, images.slice(10, 11));
    expect((await continued(kind, folder, images)).computed).toEqual([9, 11]);
    await written(kind, alone, images);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('and a finished output give the rows of all', async () => {
    const [folder, alone] = [newFolder(), newFolder()];
    await written('jsonl', folder, images.slice(0, 4));
    await cutOff('jsonl', folder, images.slice(6));
    expect((await continued('jsonl', folder, images)).computed).toEqual([4, 5]);
    await written('jsonl', alone, images);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('with other settings beside those that fit are passed over and kept', async () => {
    const folder = newFolder();
    await cutOff('csv', folder, images.slice(0, 5), { settings: { ...SETTINGS, precision: 'bf16' } });
    const other = Object.keys(contents(folder));
    await cutOff('csv', folder, images.slice(3, 7));
    expect((await continued('csv', folder, images)).computed).toEqual([0, 1, 2, 7, 8, 9, 10, 11]);
    expect(Object.keys(contents(folder)).sort()).toEqual([...other, 'out.csv', 'out.csv.journal'].sort());
  });
});

describe('rows of before', () => {
  const add = async (folder: string, settings = SETTINGS, kind: Kind = 'csv') => {
    const earlier = new Earlier({ retryFailed: false });
    await earlier.add(layoutFor(kind, folder), settings).finally(() => earlier.close());
  };

  it('made with other settings are refused, and the sentence names what differs', async () => {
    const folder = newFolder();
    await cutOff('csv', folder, images);
    const { precision, ...rest } = SETTINGS;
    const now = { ...rest, model: 'b'.repeat(64), 'top-k': 3 };
    await expect(add(folder, now)).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: expect.stringMatching(
        /these differ: model \(abc, now b{23}…\), precision \(f32, now none\), top-k \(none, now 3\)\.$/,
      ),
    });
    await expect(add(folder, { ...SETTINGS, shard: '2/3' })).rejects.toMatchObject({
      message: expect.stringContaining('shard (1/1, now 2/3)'),
    });
  });

  it('of another format are refused', async () => {
    const folder = newFolder();
    await cutOff('csv', folder, images);
    const [name] = readdirSync(folder).filter((entry) => entry.endsWith('.journal'));
    renameSync(join(folder, name as string), join(folder, (name as string).replace('out.csv', 'out.jsonl')));
    await expect(add(folder, SETTINGS, 'jsonl')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('format (csv, now jsonl)'),
    });
  });

  it.each(KINDS)('without a journal are refused: %s', async (kind) => {
    const folder = newFolder();
    await written(kind, folder, images);
    rmSync(journalPath(layoutFor(kind, folder).target));
    await expect(add(folder, SETTINGS, kind)).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: expect.stringMatching(/Expected .*\.journal beside .* but there is none\.$/),
    });
  });

  it('of no run are none', async () => {
    await expect(add(newFolder())).resolves.toBeUndefined();
    await expect(add(join(newFolder(), 'none'))).resolves.toBeUndefined();
  });

  it.each(KINDS)('that failed are computed again with retryFailed, and no others: %s', async (kind) => {
    const [folder, alone] = [newFolder(), newFolder()];
    const mended = images.map((image) => ({ ...image, failed: false }));
    await written(kind, folder, images);
    expect((await continued(kind, folder, mended)).changed).toBe(false);
    expect((await continued(kind, folder, mended, { retryFailed: true })).computed).toEqual([4, 9]);
    await written(kind, alone, mended);
    expect(contents(folder)).toEqual(contents(alone));
    // Now there is nothing to try again.
    const before = stamps(folder);
    expect(await continued(kind, folder, mended, { retryFailed: true })).toMatchObject({ changed: false });
    expect(stamps(folder)).toEqual(before);
  });

  it('that failed give way to one that worked', async () => {
    const folder = newFolder();
    const mended = images.map((image) => ({ ...image, failed: false }));
    await cutOff('csv', folder, images);
    await cutOff('csv', folder, mended.slice(4, 5));
    const alone = newFolder();
    await continued('csv', folder, images);
    await written(
      'csv',
      alone,
      images.map((image) => ({ ...image, failed: image.value === 9 })),
    );
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('of images that are not asked for any more are told', async () => {
    const folder = newFolder();
    await written('csv', folder, images);
    const { vanished } = await continued(
      'csv',
      folder,
      images.filter(({ value }) => value % 4 !== 0),
    );
    expect(vanished).toEqual([0, 4, 8].map((n) => imageOf(n).path));
  });

  it('of an image that is another now are computed again', async () => {
    const folder = newFolder();
    await written('csv', folder, images);
    const now = images.map((image) => (image.value === 3 ? { ...image, identity: '7:7', value: 99 } : image));
    expect(await continued('csv', folder, now)).toEqual({ changed: true, computed: [99], vanished: [] });
  });

  it.each(KINDS)('with lines of a journal that claim endless rows are none: %s', async (kind) => {
    const folder = newFolder();
    await cutOff(kind, folder, images);
    const { journal } = filesIn(kind, folder);
    const lines = readFileSync(journal, 'utf8').split('\n');
    const row = JSON.parse(lines[6] as string);
    for (const bytes of [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, -1, 0.5, '7']) {
      writeFileSync(journal, lines.with(6, JSON.stringify({ ...row, bytes })).join('\n'));
      expect(await soundRows(kind, folder)).toEqual(upTo(5));
    }
  });
});

describe('cleanUp', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** Rewrites who has written the attempt in `folder`. */
  function writtenBy(folder: string, writer: JournalHeader['writer']): void {
    const { journal } = filesIn('npy', folder);
    const [first = '', ...rest] = readFileSync(journal, 'utf8').split('\n');
    writeFileSync(journal, journalLine({ ...JSON.parse(first), writer }) + rest.join('\n'));
  }

  /** When a process began, as the system says. */
  async function beginOf(pid: number): Promise<string | null> {
    if (process.platform !== 'linux') return null;
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.split(') ').at(-1)?.split(' ')[19] ?? null;
  }

  function age(folder: string, seconds: number): void {
    const time = Date.now() / 1000 - seconds;
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), time, time);
  }

  it('keeps the files of a process that lives, and deletes them when it has ended', async () => {
    const folder = newFolder();
    await cutOff('npy', folder, images.slice(0, 5));
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    children.push(child);
    const began = await beginOf(child.pid as number);
    writtenBy(folder, { host: hostname(), ...(await thisProcess()), pid: child.pid as number, began });
    const left = readdirSync(folder);
    await continued('npy', folder, images);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(left));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await continued('npy', folder, images);
    const alone = newFolder();
    await written('npy', alone, images);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it.skipIf(process.platform !== 'linux')('deletes those of a process whose number another one has now', async () => {
    const folder = newFolder();
    await cutOff('npy', folder, images.slice(0, 5));
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    children.push(child);
    // As after the restart of a container, in which the same numbers are given out again.
    writtenBy(folder, { host: hostname(), ...(await thisProcess()), pid: child.pid as number, began: '1' });
    await continued('npy', folder, images);
    const alone = newFolder();
    await written('npy', alone, images);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('deletes the small files of runs that were killed while they tried the output or wrote its record', async () => {
    const folder = newFolder();
    await written('npy', folder, images);
    const [trial, record] = ['out.fc7.npy.0123abcd.try-output.partial', 'out.npy.run.json.0123abcd.partial'];
    const theirs = ['out.npy.my.partial', 'out.fc6.npy.0123abcd.try-output.partial'];
    const own = readdirSync(folder);
    for (const name of [trial, record, ...theirs]) writeFileSync(join(folder, name), '');
    await continued('npy', folder, images);
    // Another run may write its record at this moment; a trial is made again.
    expect(readdirSync(folder).sort()).toEqual([...own, record, ...theirs].sort());
    age(folder, 70);
    await continued('npy', folder, images);
    expect(readdirSync(folder).sort()).toEqual([...own, ...theirs].sort());
  });

  it('of a process on another machine keeps the files while they are new', async () => {
    const folder = newFolder();
    await cutOff('npy', folder, images.slice(0, 5));
    writtenBy(folder, { host: 'elsewhere', pid: 1 });
    const left = readdirSync(folder);
    await continued('npy', folder, images);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(left));
    age(folder, 50);
    await continued('npy', folder, images);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(left));
    age(folder, 70);
    await continued('npy', folder, images);
    expect(readdirSync(folder).filter((name) => left.includes(name))).toEqual([]);
  });
});

describe('a process that is killed at any moment', () => {
  const program = fileURLToPath(new URL('./appending.ts', import.meta.url));
  const COUNT = 120;
  const many = imagesOf(COUNT);

  /** Kills it `delay` ms after it has said `lines` lines; resolves to whether it had ended before. */
  async function killed(kind: Kind, folder: string, lines: number, delay: number): Promise<boolean> {
    const args = ['--import', 'tsx', program, kind, folder, String(COUNT)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    let said = 0;
    for await (const _ of createInterface({ input: child.stdout })) {
      said += 1;
      if (said === lines) break;
    }
    await sleep(delay);
    child.kill('SIGKILL');
    const [code] = await ended;
    return code === 0;
  }

  it.each(SOAK ? KINDS : KINDS.slice(0, 1))('leaves sound rows, from which others make the whole %s', async (kind) => {
    const random = randoms(KINDS.indexOf(kind) + 10);
    const age = (name: string) => utimesSync(join(folder, name), 0, 0);
    const alone = newFolder();
    await written(kind, alone, many);
    let folder = newFolder();
    let rows: number[] = [];
    let most = 0;
    for (let round = 0; round < 6; round += 1) {
      // Further and further, so that the last ones come through; a batch is written within some milliseconds.
      const hasEnded = await killed(kind, folder, 1 + Math.floor(random() * 6 * (round + 1)), random() * 5);
      const before = rows;
      rows = await soundRows(kind, folder, many);
      expect(rows).toEqual(expect.arrayContaining(before));
      most = Math.max(most, rows.length);
      // Of a process that was killed before it had written who it is only time tells that it has ended.
      for (const name of readdirSync(folder)) if (statSync(join(folder, name)).size === 0) age(name);
      if (!hasEnded) continue;
      expect(rows).toHaveLength(COUNT);
      folder = newFolder();
      rows = [];
    }
    expect(most).toBeGreaterThan(10);
    const { computed: values } = await continued(kind, folder, many);
    expect(values).toHaveLength(COUNT - rows.length);
    expect(contents(folder)).toEqual(contents(alone));
  });
});

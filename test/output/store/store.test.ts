import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RunError } from '../../../src/errors.js';
import { readNpy } from '../../../src/output/arrays/npy.js';
import { readSafetensorsRows } from '../../../src/output/arrays/safetensors.js';
import { type ArraySpec, rowBytes } from '../../../src/output/arrays/spec.js';
import { Earlier } from '../../../src/output/store/earlier.js';
import { readJournal, rowHash } from '../../../src/output/store/journal.js';
import { attemptFiles, finalsOf, journalPath } from '../../../src/output/store/layout.js';
import {
  computed,
  headFor,
  type Image,
  imageOf,
  imagesOf,
  KINDS,
  type Kind,
  layoutFor,
  listOf,
  SETTINGS,
  SPECS,
  storeFor,
} from './made.js';
import { buryWriters, contents, continued, cutOff, newFolder, stamps, written } from './stores.js';

const FINALS: Readonly<Record<Kind, readonly string[]>> = {
  csv: ['out.csv'],
  'csv.gz': ['out.csv.gz'],
  jsonl: ['out.jsonl'],
  npy: ['out.conv1_1.npy', 'out.fc7.npy', 'out.npy.paths'],
  safetensors: ['out.safetensors', 'out.safetensors.paths'],
};

/** Files of a finished output, its journal among them. */
const finished = (kind: Kind) => [...FINALS[kind], `out.${kind}.journal`].sort();

const specsOf = (kind: Kind): readonly ArraySpec[] => (/^(?:csv|jsonl)/.test(kind) ? [] : SPECS);

/** The journal in `folder` of an attempt that is not finished. */
async function attemptIn(kind: Kind, folder: string) {
  const [name] = readdirSync(folder).filter((entry) => /\.[0-9a-f]{8}\.journal$/.test(entry));
  const journal = await readJournal(join(folder, name ?? ''));
  if (journal === undefined) throw new Error('no journal');
  return { journal, files: attemptFiles(layoutFor(kind, folder), journal.header.attempt) };
}

/** The text of a finished output. */
function textIn(kind: Kind, folder: string): Buffer {
  const { textFinal, target } = layoutFor(kind, folder);
  return textFinal === null ? gunzipSync(readFileSync(target)) : readFileSync(textFinal);
}

/** Every row's line fits its bytes, and there is no byte besides. */
async function expectAgreement(kind: Kind, folder: string, images: readonly Image[]): Promise<void> {
  const { journal, files } = await attemptIn(kind, folder);
  const text = readFileSync(files.text);
  const arrays = files.arrays.map((file) => readFileSync(file));
  expect(journal.rows.map(({ path }) => path)).toEqual(images.map(({ path }) => path));
  let offset = journal.header.textStart;
  expect(text.subarray(0, offset).toString()).toBe(headFor(kind));
  for (const [place, row] of journal.rows.entries()) {
    const numbers = arrays.map((bytes, i) => {
      const size = rowBytes(specsOf(kind)[i] as ArraySpec);
      return bytes.subarray(128 + place * size, 128 + (place + 1) * size);
    });
    expect(rowHash(row, [text.subarray(offset, offset + row.bytes), ...numbers])).toBe(row.hash);
    offset += row.bytes;
  }
  expect(text.length).toBe(offset);
  for (const [i, spec] of specsOf(kind).entries()) {
    const file = files.arrays[i] as string;
    const expected = { ...spec, file, dataStart: 128, rows: images.length };
    expect(await readNpy(file, spec.name)).toEqual(expected);
    expect(await readNpy(file, spec.name, { partial: true })).toEqual(expected);
  }
}

describe.each(KINDS)('Store for %s', (kind) => {
  it('has whole rows and their lines after every append, nothing under the names of the output before the end', async () => {
    const folder = newFolder();
    const store = storeFor(kind, folder);
    expect(readdirSync(folder)).toEqual([]);
    const images = imagesOf(40);
    for (let from = 0, to = 1; from < images.length; from = to, to = Math.min(images.length, to * 2)) {
      await store.append(images.slice(from, to).map((image, i) => computed(kind, image, from + i)));
      expect(store.rows).toBe(to);
      await expectAgreement(kind, folder, images.slice(0, to));
      expect(readdirSync(folder).filter((name) => finished(kind).includes(name))).toEqual([]);
    }
    expect(await store.finish(listOf(images))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(finished(kind));
  });

  it('can be read at any moment by another: every row of its journal is sound', async () => {
    const folder = newFolder();
    const store = storeFor(kind, folder);
    await store.begin();
    const images = imagesOf(200);
    let ended = false;
    const writing = (async () => {
      for (const [i, image] of images.entries()) await store.append([computed(kind, image, i)]);
      ended = true;
    })();
    let most = 0;
    while (!ended) {
      const { journal } = await attemptIn(kind, folder);
      const earlier = new Earlier({ retryFailed: false });
      await earlier.add(layoutFor(kind, folder), SETTINGS);
      const found = images.filter(({ path, identity }) => earlier.take(path, identity) !== undefined);
      await earlier.close();
      expect(found.length).toBeGreaterThanOrEqual(journal.rows.length);
      expect(found).toEqual(images.slice(0, found.length));
      most = Math.max(most, found.length);
    }
    await writing;
    expect(most).toBeGreaterThan(0);
    await store.abandon({ keep: false });
  });

  it('gives the rows in their order, and the journal their number, failures and list', async () => {
    const folder = newFolder();
    const images = imagesOf(13);
    await written(kind, folder, images);
    const layout = layoutFor(kind, folder);
    const rows = images.map((image, i) => computed(kind, image, i));
    const text = Buffer.concat([Buffer.from(headFor(kind)), ...rows.map((row) => row.text)]);
    expect(textIn(kind, folder)).toEqual(text);
    const journal = await readJournal(journalPath(layout.target));
    expect(journal?.end).toEqual({ rows: 13, failed: 2, list: listOf(images) });
    expect(journal?.rows.map(({ path, index, identity, error }) => ({ path, index, identity, error }))).toEqual(
      rows.map(({ path, index, identity, error }) => ({ path, index, identity, error })),
    );
    expect(finalsOf(layout).map((file) => statSync(file).isFile())).toEqual(FINALS[kind].map(() => true));
  });

  it('of two attempts at the same rows lets both end well, with one output', async () => {
    const folder = newFolder();
    const images = imagesOf(7);
    const [first, second] = [storeFor(kind, folder), storeFor(kind, folder)];
    for (const [i, image] of images.entries()) {
      for (const store of [first, second]) await store.append([computed(kind, image, i)]);
    }
    await Promise.all([first.finish(listOf(images)), second.finish(listOf(images))]);
    const alone = newFolder();
    await written(kind, alone, images);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('never replaces another output: OUTPUT_EXISTS, and the rows stay', async () => {
    const folder = newFolder();
    const store = storeFor(kind, folder);
    await store.append([computed(kind, imageOf(1), 0)]);
    await written(kind, folder, [imageOf(2)]);
    const alone = newFolder();
    await written(kind, alone, [imageOf(2)]);
    await expect(store.finish('list')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS', exitCode: 2 });
    const partial = await store.abandon({ keep: true });
    expect(statSync(partial ?? '').isFile()).toBe(true);
    expect(contents(folder)).toMatchObject(contents(alone));
  });

  it('replaces another output where that was asked for', async () => {
    const [folder, alone] = [newFolder(), newFolder()];
    await written(kind, folder, imagesOf(9));
    await written(kind, folder, [imageOf(2)], { replace: true });
    await written(kind, alone, [imageOf(2)]);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('abandoned keeps its rows and says where, or leaves nothing', async () => {
    const folder = newFolder();
    const [kept, dropped, empty, unused] = [0, 1, 2, 3].map(() => storeFor(kind, folder));
    await kept?.append([computed(kind, imageOf(0), 0)]);
    await dropped?.append([computed(kind, imageOf(0), 0)]);
    await empty?.begin();
    expect(await dropped?.abandon({ keep: false })).toBeUndefined();
    expect(await empty?.abandon({ keep: true })).toBeUndefined();
    expect(await unused?.abandon({ keep: true })).toBeUndefined();
    const file = await kept?.abandon({ keep: true });
    await expectAgreement(kind, folder, [imageOf(0)]);
    const { files } = await attemptIn(kind, folder);
    expect(readdirSync(folder)).toHaveLength(2 + specsOf(kind).length);
    expect(file).toBe(files.arrays[0] ?? files.text);
  });

  it('without a single row is an output all the same', async () => {
    const folder = newFolder();
    await written(kind, folder, []);
    expect(readdirSync(folder).sort()).toEqual(finished(kind));
    expect(textIn(kind, folder).toString()).toBe(headFor(kind));
  });

  it('says it when a folder is gone: USAGE', async () => {
    const store = storeFor(kind, join(newFolder(), 'none'));
    await expect(store.append([computed(kind, imageOf(0), 0)])).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  });

  it('ends well when another attempt has finished the work and cleared its files away', async () => {
    const folder = newFolder();
    const images = imagesOf(6);
    const store = storeFor(kind, folder);
    await store.append(images.map((image, i) => computed(kind, image, i)));
    const own = readdirSync(folder);
    await written(kind, folder, images);
    for (const name of own) rmSync(join(folder, name));
    const before = contents(folder);
    await store.finish(listOf(images));
    expect(contents(folder)).toEqual(before);
  });

  it.each([
    ['all', () => true],
    ['those with rows', (name: string) => name.endsWith('.partial')],
    ['the journal', (name: string) => name.endsWith('.journal')],
  ])('loses no row when somebody deletes its files: %s', async (_which, isDeleted) => {
    const images = imagesOf(6);
    const whole = newFolder();
    await written(kind, whole, images);
    const folder = newFolder();
    await written(kind, folder, images.slice(0, 2), { settings: { ...SETTINGS, precision: 'bf16' } });
    const old = readdirSync(folder);
    const store = storeFor(kind, folder, { replace: true });
    await store.append(images.map((image, i) => computed(kind, image, i)));
    const own = readdirSync(folder).filter((name) => !old.includes(name));
    for (const name of own.filter(isDeleted)) rmSync(join(folder, name));
    expect(await store.finish(listOf(images))).toBe(true);
    expect(contents(folder)).toEqual(contents(whole));
  });

  it('keeps its rows where somebody deletes its files and it ends before the last one', async () => {
    const folder = newFolder();
    const store = storeFor(kind, folder);
    await store.append([computed(kind, imageOf(0), 0)]);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    expect(await store.abandon({ keep: true })).toBeDefined();
    await expectAgreement(kind, folder, [imageOf(0)]);
  });

  it.each([0, 100])('fails where somebody cuts its files to %i bytes, and --resume makes it whole', async (length) => {
    const images = imagesOf(40);
    const whole = newFolder();
    await written(kind, whole, images);
    const folder = newFolder();
    const store = storeFor(kind, folder);
    const rows = images.map((image, i) => computed(kind, image, i));
    await store.append(rows.slice(0, 30));
    const { files } = await attemptIn(kind, folder);
    truncateSync(files.text, length);
    const expected = { code: 'OUTPUT_FAILED', exitCode: 1, hint: expect.stringContaining('--resume') };
    await expect(store.append(rows.slice(30))).rejects.toMatchObject(expected);
    await expect(store.finish(listOf(images))).rejects.toMatchObject(expected);
    await store.abandon({ keep: true });
    buryWriters(folder);
    await continued(kind, folder, images);
    expect(contents(folder)).toEqual(contents(whole));
  });

  it('fails when its folder is gone', async () => {
    const folder = newFolder();
    const store = storeFor(kind, folder);
    await store.append([computed(kind, imageOf(0), 0)]);
    rmSync(folder, { recursive: true });
    await expect(store.finish('list')).rejects.toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
  });

  it('keeps all rows where its name is taken by a folder, and says how to bring them home', async () => {
    const whole = newFolder();
    await written(kind, whole, imagesOf(6));
    const folder = newFolder();
    const store = storeFor(kind, folder, { replace: true });
    await store.append(imagesOf(6).map((image, i) => computed(kind, image, i)));
    for (const final of finalsOf(layoutFor(kind, folder))) mkdirSync(join(final, 'theirs'), { recursive: true });
    const error = (await store.finish(listOf(imagesOf(6))).catch((thrown: unknown) => thrown)) as RunError;
    expect(error).toMatchObject({ code: 'OUTPUT_FAILED', exitCode: 1 });
    expect(await store.abandon({ keep: false })).toBeDefined();
    for (const final of finalsOf(layoutFor(kind, folder))) rmSync(final, { recursive: true });
    const [, moves = ''] = /^Once nothing is in the way, type (.+)$/.exec(error.hint ?? '') ?? [];
    execFileSync('sh', ['-c', moves]);
    const left = Object.entries(contents(folder)).filter(([name]) => !name.endsWith('.partial'));
    expect(Object.fromEntries(left)).toEqual(contents(whole));
  });
});

describe('rows of failed images', () => {
  /** Images 0 … 4, of which the last has failed. */
  const images = imagesOf(5);
  const NAN_F32 = Buffer.from(new Float32Array(5).fill(Number.NaN).buffer);
  const NAN_F16 = Buffer.from(new Uint16Array(6).fill(0x7e00).buffer);

  it('are NaN in NPY', async () => {
    const folder = newFolder();
    await written('npy', folder, images);
    expect(readFileSync(join(folder, 'out.fc7.npy')).subarray(-20)).toEqual(NAN_F32);
    expect(readFileSync(join(folder, 'out.conv1_1.npy')).subarray(-12)).toEqual(NAN_F16);
  });

  it('are NaN in safetensors, taken over too', async () => {
    const folder = newFolder();
    await cutOff('safetensors', folder, images);
    await continued('safetensors', folder, images);
    const { arrays } = await readSafetensorsRows(join(folder, 'out.safetensors'));
    const file = readFileSync(join(folder, 'out.safetensors'));
    for (const array of arrays) {
      const size = rowBytes(array);
      const last = file.subarray(array.dataStart + 4 * size, array.dataStart + 5 * size);
      expect(last).toEqual(array.dtype === 'f32' ? NAN_F32 : NAN_F16);
      expect(file.subarray(array.dataStart, array.dataStart + size)).not.toEqual(last);
    }
  });

  it('keep their path and sentence on one line of .paths', async () => {
    const folder = newFolder();
    await written('npy', folder, images);
    const lines = readFileSync(join(folder, 'out.npy.paths'), 'utf8').split(/[\n\t\u2028]/);
    expect(lines[0]).toBe('photos/0new\\x0aline.jpg');
    expect(lines.slice(-3)).toEqual([
      'photos/4.jpg',
      'DECODE_FAILED: Expected image 4\\u2028 whole but it is "cut" off.',
      '',
    ]);
  });
});

describe.each(KINDS)('a finished output of %s that is found again', (kind) => {
  const images = imagesOf(11);

  it('with the same images stays as it is, to the byte and the time', async () => {
    const folder = newFolder();
    await written(kind, folder, images);
    const before = stamps(folder);
    expect(await continued(kind, folder, images)).toEqual({ changed: false, computed: [], vanished: [] });
    expect(stamps(folder)).toEqual(before);
  });

  const changed = { ...imageOf(6), identity: 'another', value: 600 };
  it.each([
    ['one removed at the start', images.slice(1), []],
    ['one removed in the middle', images.filter(({ value }) => value !== 5), []],
    ['the last removed', images.slice(0, -1), []],
    ['all but the first removed', images.slice(0, 1), []],
    ['one inserted', [...images.slice(0, 4), imageOf(50), ...images.slice(4)], [50]],
    ['one before the others', [imageOf(50), ...images], [50]],
    ['two appended', [...images, imageOf(50), imageOf(54)], [50, 54]],
    ['one changed', images.map((image) => (image.value === 6 ? changed : image)), [600]],
    ['two exchanged', images.map((image, i) => images[i === 3 ? 7 : i === 7 ? 3 : i] ?? image), []],
    ['all in reverse', [...images].reverse(), []],
    ['one twice', [...images, imageOf(2)], []],
    ['none of them', imagesOf(14).slice(11), [11, 12, 13]],
  ])('with %s is what a new run would write', async (_what, now, values) => {
    const [folder, alone] = [newFolder(), newFolder()];
    await written(kind, folder, images);
    expect(await continued(kind, folder, now)).toMatchObject({ changed: true, computed: values });
    await written(kind, alone, now);
    expect(contents(folder)).toEqual(contents(alone));
  });

  it('stays whole until the new one is complete', async () => {
    const folder = newFolder();
    await written(kind, folder, images);
    const before = stamps(folder);
    const earlier = new Earlier({ retryFailed: false });
    await earlier.add(layoutFor(kind, folder), SETTINGS);
    const store = storeFor(kind, folder, { replace: true });
    const rows = images.map(({ path, identity }, index) => ({ path, index, kept: earlier.take(path, identity) }));
    const [, ...kept] = rows.map(({ kept, ...row }) => (kept === undefined ? undefined : { ...row, kept }));
    // Without the first all others have another place.
    await store.append(kept.flatMap((row) => (row === undefined ? [] : [{ ...row, index: row.index - 1 }])));
    await store.abandon({ keep: true });
    await earlier.close();
    expect(stamps(folder)).toMatchObject(before);
  });

  it('with a byte more or less at its end, or another head, is made whole', async () => {
    const folder = newFolder();
    await written(kind, folder, images);
    const whole = contents(folder);
    for (const file of finalsOf(layoutFor(kind, folder))) {
      const bytes = readFileSync(file);
      const beginning = Buffer.from(bytes);
      // NPY: the number of rows; the others: what comes first.
      const place = file.endsWith('.npy') ? bytes.indexOf('11') : 0;
      beginning[place] = (beginning[place] as number) ^ 1;
      for (const damaged of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('x')]), beginning]) {
        writeFileSync(file, damaged);
        await continued(kind, folder, images);
        expect(contents(folder)).toEqual(whole);
      }
    }
  });
});

describe('a disk that is full', () => {
  const disk = join(newFolder(), 'disk');
  mkdirSync(disk);
  const hasDisk = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;
  if (hasDisk) execFileSync('umount', [disk]);

  it.skipIf(!hasDisk).each(KINDS)('leaves whole rows of %s, from which the output can be completed', async (kind) => {
    const folder = newFolder();
    const small = join(folder, 'disk');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
    const images = imagesOf(2000);
    const rest = newFolder();
    let rows = 0;
    try {
      const store = storeFor(kind, small);
      const append = async () => {
        for (let i = 0; i < images.length; i += 7) {
          await store.append(images.slice(i, i + 7).map((image, j) => computed(kind, image, i + j)));
        }
      };
      await expect(append()).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        exitCode: 1,
        message: expect.stringContaining('no space is left'),
      });
      expect(store.rows).toBeGreaterThan(10);
      expect(store.rows % 7).toBe(0);
      rows = store.rows;
      await store.abandon({ keep: true });
      await expectAgreement(kind, small, images.slice(0, rows));
      for (const name of readdirSync(small)) writeFileSync(join(rest, name), readFileSync(join(small, name)));
      buryWriters(rest);
      // Another cannot even begin, and leaves nothing there.
      const names = readdirSync(small);
      await expect(continued(kind, small, images)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
      expect(readdirSync(small)).toEqual(expect.arrayContaining(names));
    } finally {
      execFileSync('umount', [small]);
    }
    const { computed: values } = await continued(kind, rest, images);
    expect(values).toEqual(images.slice(rows).map(({ value }) => value));
    const alone = newFolder();
    await written(kind, alone, images);
    expect(contents(rest)).toEqual(contents(alone));
  });
});

import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/output/store/run-record.js';
import { CAT, PHOTO_NAMES, PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { runClassify, runCommand } from './helpers/host.js';
import { type Result, start, vgg16 } from './helpers/program.js';
import { expectOneSentence, jsonRows } from './helpers/rows.js';

const root = temporaryFolder();

/** So many that no machine is done with them when the signal comes. */
const MANY = 500;

/** A folder of its own with some photographs in it: in it, `photos` and the outputs. */
function folderOf(name: string, photos: readonly string[] = PHOTO_NAMES.slice(0, 4)): string {
  const folder = join(root, name);
  for (const photo of photos) place(join(folder, 'photos', photo), join(PHOTOS, photo));
  return folder;
}

/** `classify photos -o FILE`, with the closing line. */
function run(folder: string, output: string, ...more: readonly string[]): Promise<Result> {
  const words = ['classify', 'photos', '--no-progress', '-o', output, ...more];
  return runCommand(words, { cwd: folder, env: DEFAULTS });
}

/** What the flags of a test may say otherwise. */
const DEFAULTS = { VGG16_MODEL: 'mini', VGG16_TOP_K: '1' };

const text = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');

const record = (folder: string, output: string) => readJson<RunRecord>(join(folder, `${output}.run.json`));

/** Files of a finished run: the output, its journal, the record. */
const filesOf = (output: string) => [output, `${output}.journal`, `${output}.run.json`];

const beside = (folder: string) => readdirSync(folder).filter((name) => name !== 'photos');

/** What a new run over the same images writes. */
async function fresh(folder: string, output: string, ...more: readonly string[]): Promise<string> {
  const name = `fresh-${output}`;
  const { code, stderr } = await run(folder, name, '--force', '-q', ...more);
  expect([0, 3], stderr).toContain(code);
  const rows = text(folder, name);
  for (const file of filesOf(name)) rmSync(join(folder, file));
  return rows;
}

const stamp = (folder: string, name: string) => {
  const { ino, mtimeNs, size } = statSync(join(folder, name), { bigint: true });
  return `${ino} ${mtimeNs} ${size}`;
};

describe('a run that is killed', () => {
  let folder: string;
  /** What a run that is not killed writes. */
  let whole: string;
  beforeAll(() => {
    folder = join(root, 'killed');
    mkdirSync(join(folder, 'photos'), { recursive: true });
    const sources = PHOTO_NAMES.map((name) => place(join(root, 'sources', name), join(PHOTOS, name)));
    for (let i = 0; i < MANY; i += 1) {
      linkSync(sources[i % sources.length] as string, join(folder, 'photos', `${String(i).padStart(5, '0')}.jpg`));
    }
  });

  /** Rows of all attempts, by their journals. */
  function journalRows(output: string): number {
    const journals = readdirSync(folder).filter(
      (name) => name.startsWith(`${output}.`) && /\.[0-9a-f]{8}\.journal$/.test(name),
    );
    return journals.reduce((rows, name) => rows + text(folder, name).split('\n').length - 2, 0);
  }

  /** Ends the process itself, without a chance to clear up, once it has written `rows` more rows. */
  async function killedAfter(rows: number, output: string, ...more: readonly string[]): Promise<void> {
    const words = ['classify', 'photos', '-b16', '--no-progress', '-o', output, ...more];
    const began = journalRows(output);
    const running = start(words, { cwd: folder, env: DEFAULTS });
    await expect.poll(() => journalRows(output), { timeout: 20_000, interval: 10 }).toBeGreaterThan(began + rows);
    running.child.kill('SIGKILL');
    expect(await running.done).toMatchObject({ signal: 'SIGKILL' });
    expect(existsSync(join(folder, output))).toBe(false);
  }

  it('twice goes on with --resume, to the very bytes of one that was not, and then there is nothing to do', async () => {
    await killedAfter(60, 'out.jsonl');
    await killedAfter(1, 'out.jsonl', '--resume');
    const rows = journalRows('out.jsonl');
    const resumed = await run(folder, 'out.jsonl', '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/^500 images in .* img\/s\), [\d,]+ from an earlier run → out\.jsonl$/m);
    const { counts } = record(folder, 'out.jsonl');
    expect(counts).toMatchObject({ seen: MANY, ok: MANY, failed: 0 });
    expect(counts.skipped).toBeGreaterThan(60);
    expect(counts.skipped).toBeLessThanOrEqual(rows);
    expect(beside(folder).sort()).toEqual(filesOf('out.jsonl'));
    whole = await fresh(folder, 'out.jsonl');
    expect(text(folder, 'out.jsonl')).toBe(whole);

    const before = filesOf('out.jsonl').map((name) => stamp(folder, name));
    const again = await run(folder, 'out.jsonl', '--resume');
    expect(again).toMatchObject({ code: 0, stderr: 'Nothing to do: out.jsonl is complete (500 images).\n' });
    expect(filesOf('out.jsonl').map((name) => stamp(folder, name))).toEqual(before);
    expect(beside(folder).sort()).toEqual(filesOf('out.jsonl'));
  });

  it('leaves an output to which two that go on at once both come', async () => {
    await killedAfter(60, 'two.jsonl');
    const words = ['classify', 'photos', '--no-progress', '-o', 'two.jsonl', '--resume'];
    const both = await Promise.all([1, 2].map(() => vgg16(words, { cwd: folder, env: DEFAULTS })));
    for (const { code, stderr } of both) expect(code, stderr).toBe(0);
    // The one that ended first may have left the files of the other.
    expect((await run(folder, 'two.jsonl', '--resume')).stderr).toContain('Nothing to do');
    expect(
      beside(folder)
        .filter((name) => name.startsWith('two.jsonl'))
        .sort(),
    ).toEqual(filesOf('two.jsonl'));
    expect(text(folder, 'two.jsonl')).toBe(whole);
  });
});

describe('images that failed', () => {
  const SOUND = readFileSync(CAT);
  let folder: string;
  /** Always of the same size and time. */
  const writeBroken = (bytes: Buffer) => {
    writeFileSync(join(folder, 'photos', 'b.jpg'), bytes);
    utimesSync(join(folder, 'photos', 'b.jpg'), 1_714_824_000, 1_714_824_000);
  };
  beforeAll(async () => {
    folder = folderOf('failed');
    writeBroken(Buffer.alloc(SOUND.length));
    expect((await run(folder, 'out.jsonl')).code).toBe(3);
  });

  it('count again where there is nothing to do: 3, and --max-errors holds', async () => {
    const again = await run(folder, 'out.jsonl', '--resume');
    expect(again.code, again.stderr).toBe(3);
    expect(again.stderr).toContain('Nothing to do: out.jsonl is complete (5 images, 1 failed).');
    expect((await run(folder, 'out.jsonl', '--resume', '--max-errors', '1')).code).toBe(0);
  });

  it('are tried again with --retry-failed alone, in their place, without a change in other rows', async () => {
    const before = jsonRows(text(folder, 'out.jsonl'));
    // Mended without a change that could be told from outside.
    writeBroken(SOUND);
    const resumed = await run(folder, 'out.jsonl', '--resume');
    expect(resumed.stderr).toContain('Nothing to do');
    const retried = await run(folder, 'out.jsonl', '--retry-failed');
    expect(retried.code, retried.stderr).toBe(0);
    expect(record(folder, 'out.jsonl').counts).toEqual({ seen: 5, ok: 5, failed: 0, skipped: 4 });
    const rows = jsonRows(text(folder, 'out.jsonl'));
    const place = before.findIndex(({ status }) => status === 'error');
    expect(rows[place]).toMatchObject({ path: 'photos/b.jpg', index: place, status: 'ok' });
    expect(rows.toSpliced(place, 1)).toEqual(before.toSpliced(place, 1));
    expect((await run(folder, 'out.jsonl', '--retry-failed')).stderr).toContain('Nothing to do');
  });
});

describe('images that came, went or changed since', () => {
  it('have the rows that a new run would give them, and only theirs are computed', async () => {
    const folder = folderOf('changed', PHOTO_NAMES.slice(0, 6));
    await run(folder, 'out.jsonl', '-q');
    const photo = (i: number) => join(folder, 'photos', PHOTO_NAMES[i] as string);
    rmSync(photo(1));
    copyFileSync(join(PHOTOS, PHOTO_NAMES[9] as string), photo(3)); // another size
    const { mtimeMs } = statSync(photo(4));
    utimesSync(photo(4), new Date(), new Date(mtimeMs - 5000)); // the same bytes, another time
    place(join(folder, 'photos', 'a-new.jpg'));
    const resumed = await run(folder, 'out.jsonl', '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(
      `1 image of the earlier run is no longer among the inputs and left out: photos/${PHOTO_NAMES[1]}.`,
    );
    expect(record(folder, 'out.jsonl').counts).toEqual({ seen: 6, ok: 6, failed: 0, skipped: 3 });
    expect(text(folder, 'out.jsonl')).toBe(await fresh(folder, 'out.jsonl'));
    expect(beside(folder).sort()).toEqual(filesOf('out.jsonl'));
  });

  it('may stand twice in a list', async () => {
    const folder = folderOf('twice');
    const [a, b, c] = PHOTO_NAMES.slice(0, 3).map((name) => `photos/${name}`) as [string, string, string];
    const list = (...more: string[]) => {
      const words = ['--files-from', '-', '--format', 'jsonl', '-k1', ...more];
      return (names: readonly string[]) => runClassify(words, { cwd: folder, input: names.join('\n') });
    };
    expect((await list('-o', 'out.jsonl')([a, b, a])).code).toBe(0);
    const resumed = await list('-o', 'out.jsonl', '--resume')([b, a, c, a, b]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(record(folder, 'out.jsonl').counts).toMatchObject({ seen: 5, skipped: 4 });
    expect(text(folder, 'out.jsonl')).toBe((await list()([b, a, c, a, b])).stdout.toString());
  });
});

describe('--resume is refused, and the output stays: 2', () => {
  let folder: string;
  beforeAll(async () => {
    folder = folderOf('refused', PHOTO_NAMES.slice(0, 2));
    // Without anything to go on with it is a run like any other.
    expect((await run(folder, 'out.csv', '--resume')).code).toBe(0);
    expect(record(folder, 'out.csv').counts).toEqual({ seen: 2, ok: 2, failed: 0, skipped: 0 });
  });

  it.each([
    ['other -k', ['-k3'], /top-k \(1, now 3\)/],
    ['another model', ['-m', 'random'], /model \(56e218f812dbc9d1f0408a1…, now .*\), classes \(10, now 1000\)/],
    ['another precision', ['--precision', 'bf16'], /: precision \(f32, now bf16\)\.$/],
    ['another share', ['--shard', '1/2'], /: shard \(1\/1, now 1\/2\)\.$/],
    ['other scores', ['--scores', 'logit'], /: scores \(prob, now logit\)\.$/],
    ['another format', ['--format', 'jsonl'], /: format \(csv, now jsonl\)\.$/],
  ])('for %s, named in the sentence', async (_what, flags, expected) => {
    const before = filesOf('out.csv').map((name) => stamp(folder, name));
    const refused = await run(folder, 'out.csv', '--resume', ...flags);
    expect(expectOneSentence(refused, 2)).toMatch(expected);
    expect(filesOf('out.csv').map((name) => stamp(folder, name))).toEqual(before);
    expect(beside(folder).sort()).toEqual(filesOf('out.csv'));
  });

  it('for an output without its journal', async () => {
    place(join(folder, 'bare.csv'), join(folder, 'out.csv'));
    const refused = await run(folder, 'bare.csv', '--resume');
    expect(expectOneSentence(refused, 2)).toContain('bare.csv.journal');
    expect(text(folder, 'bare.csv')).toBe(text(folder, 'out.csv'));
    rmSync(join(folder, 'bare.csv'));
  });

  it.each([
    ['for stdout', '--resume', '-', []],
    ['for stdout', '--retry-failed', '-', []],
    ['with --force', '--resume', 'out.csv', ['--force']],
    ['with --force', '--retry-failed', 'out.csv', ['--force']],
    ['for a table', '--resume', 'table.txt', ['--format', 'table']],
  ])('%s: %s', async (_what, flag, output, more) => {
    const refused = await run(folder, output, flag, ...more);
    expect(expectOneSentence(refused, 2)).toContain(flag === '--retry-failed' ? flag : '--resume');
    expect(refused.stdout.toString()).toBe('');
    expect(beside(folder).sort()).toEqual(filesOf('out.csv'));
  });
});

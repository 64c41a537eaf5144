import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/output/store/run-record.js';
import { CAT, MINI, ODD, PHOTO_NAMES, PHOTOS, place, readJson, temporaryFolder } from './helpers/folder.js';
import { runClassify } from './helpers/host.js';
import { PROGRAM, type Result, startProgram } from './helpers/program.js';
import { csvRows, jsonRows } from './helpers/rows.js';

/** Sound photographs and one that is cut off, in an order that is neither that of names nor of sizes. */
const folder = temporaryFolder();
const BROKEN = 'b.jpg';
const NAMES = ['B.jpg', 'a.jpg', BROKEN, 'c.jpg', 'd/e.jpg', 'ä.jpg'];
const INPUTS = ['c.jpg', 'B.jpg', 'd', 'a.jpg', 'b.jpg', 'ä.jpg'];

/** Shortest decimals of a float32 have at most nine digits. */
const FLOAT = String.raw`-?\d+(?:\.\d+)?(?:e-\d+)?`;

beforeAll(() => {
  NAMES.forEach((name, i) => {
    const source = name === BROKEN ? join(ODD, 'truncated.jpg') : join(PHOTOS, PHOTO_NAMES[i] as string);
    place(join(folder, name), source);
  });
});

function run(...flags: string[]): Promise<Result> {
  return runClassify([...INPUTS, ...flags], { cwd: folder });
}

function lines({ stdout }: Result): string[] {
  const text = stdout.toString();
  expect(text).not.toContain('\r');
  expect(text.endsWith('\n')).toBe(true);
  return text.slice(0, -1).split('\n');
}

describe('classify writes CSV', () => {
  it('with one row an image, in the byte order of the paths, and a failed one in its place', async () => {
    const result = await run('--top-k', '2');
    expect(result.code).toBe(3);
    const [header, ...rows] = lines(result);
    expect(header).toBe('path,status,width,height,class_1,label_1,prob_1,class_2,label_2,prob_2,error');
    expect(rows.map((row) => row.split(',')[0])).toEqual(NAMES);
    const sound = new RegExp(String.raw`^[^,]+,ok,\d+,\d+,\d,[a-z]+,${FLOAT},\d,[a-z]+,${FLOAT},$`);
    for (const row of rows) {
      if (row.startsWith(`${BROKEN},`)) expect(row).toMatch(/^b\.jpg,error,,,,,,,,,"?DECODE_FAILED: .+\."?$/);
      else expect(row).toMatch(sound);
    }
    const [first] = csvRows(result.stdout);
    expect(Number(first?.prob_1)).toBeGreaterThan(Number(first?.prob_2));
  });

  it.each([
    ['/dev/stdout', '| cat'],
    ['/dev/fd/1', '| cat'],
    ['/dev/stdout', '> out.csv; cat out.csv'],
    ['/dev/fd/3', '3>&1 | cat'],
  ])('to the stream that %s names (%s)', async (output, end) => {
    const command = `"$0" "$1" classify "$2" -m mini -q --format csv -o ${output} ${end}`;
    const { stdout, stderr } = await startProgram('sh', ['-c', command, process.execPath, PROGRAM, CAT], {
      cwd: temporaryFolder(),
      input: '',
    }).done;
    expect(stderr).toBe('');
    expect(csvRows(stdout)).toHaveLength(1);
  });

  it('with logits in place of probabilities, or after them', async () => {
    const [logit, both] = await Promise.all([run('-k1', '--scores', 'logit'), run('-k1', '--scores', 'both')]);
    expect(lines(logit)[0]).toBe('path,status,width,height,class_1,label_1,logit_1,error');
    expect(lines(both)[0]).toBe('path,status,width,height,class_1,label_1,prob_1,logit_1,error');
    expect(csvRows(both.stdout).map((row) => row.logit_1)).toEqual(csvRows(logit.stdout).map((row) => row.logit_1));
  });

  it('with --long a row a class, and one for a failed image', async () => {
    const result = await run('--long', '-k', '3');
    const [header, ...rows] = lines(result);
    expect(header).toBe('path,rank,class,label,prob');
    expect(rows).toHaveLength(3 * (NAMES.length - 1) + 1);
    expect(rows[0]).toMatch(new RegExp(String.raw`^B\.jpg,1,\d,[a-z]+,${FLOAT}$`));
    expect(rows).toContain('b.jpg,,,,');
    // Labels come from the file's own card: ten classes, and k above them is cut with a note.
    const all = await runClassify(['a.jpg', '--long', '-k', '99'], { cwd: folder });
    const sum = csvRows(all.stdout).reduce((total, { prob }) => total + Number(prob), 0);
    expect(csvRows(all.stdout)).toHaveLength(10);
    expect(sum).toBeCloseTo(1, 5);
  });
});

describe('classify writes JSONL', () => {
  it('with the keys in their order, the same numbers as CSV, and errors as objects', async () => {
    const [json, csv] = await Promise.all([run('--format', 'jsonl', '-k', '1'), run('-k', '1')]);
    const rows = jsonRows(json.stdout);
    expect(rows.map(({ path, index }) => [path, index])).toEqual(NAMES.map((name, i) => [name, i]));
    for (const [i, row] of rows.entries()) {
      const cells = csvRows(csv.stdout)[i];
      if (row.status === 'error') {
        expect(Object.keys(row)).toEqual(['v', 'path', 'index', 'status', 'error']);
        expect(Object.keys(row.error)).toEqual(['code', 'message']);
        expect(cells?.error).toBe(`${row.error.code}: ${row.error.message}`);
        continue;
      }
      expect(Object.keys(row)).toEqual(['v', 'path', 'index', 'status', 'width', 'height', 'top']);
      expect(Object.keys(row.top[0])).toEqual(['rank', 'class', 'label', 'prob']);
      expect(cells).toMatchObject({
        class_1: String(row.top[0].class),
        label_1: row.top[0].label,
        prob_1: String(row.top[0].prob),
        width: String(row.width),
      });
    }
    expect(rows[0].v).toBe(1);
  });

  it('with at most the classes that reach --threshold', async () => {
    const { stdout } = await run('--format', 'jsonl', '-k', '10', '--threshold', '0.2');
    const tops = jsonRows(stdout).flatMap(({ top }) => (top === undefined ? [] : [top]));
    expect(tops.every((top) => top.length <= 5)).toBe(true);
    expect(tops.flat().length).toBeGreaterThan(0);
    expect(tops.flat().every(({ prob }: { prob: number }) => prob >= 0.2)).toBe(true);
  });
});

describe('classify -o FILE', () => {
  it('writes the bytes that stdout would get, and FILE.run.json, which --json prints too', async () => {
    const file = join(temporaryFolder(), 'labels.csv');
    const [plain, saved] = await Promise.all([
      run('-k', '2'),
      run('-k', '2', '-o', file, '--json', '--batch-size', '2'),
    ]);
    expect(readFileSync(file, 'utf8')).toBe(plain.stdout.toString());
    expect(readdirSync(join(file, '..')).sort()).toEqual(['labels.csv', 'labels.csv.journal', 'labels.csv.run.json']);
    expect(saved.code).toBe(3);
    const record = readJson<RunRecord>(`${file}.run.json`);
    expect(JSON.parse(saved.stdout.toString())).toEqual(record);
    const sha256 = createHash('sha256').update(readFileSync(MINI)).digest('hex');
    const digest = createHash('sha256')
      .update(NAMES.map((name) => `${name}\0`).join(''))
      .digest('hex');
    expect(record).toMatchObject({
      v: 1,
      tool: 'vgg16',
      command: 'classify',
      arguments: expect.arrayContaining(['--batch-size', file]),
      directory: folder,
      versions: {
        vgg16: expect.stringMatching(/^\d+\.\d+\.\d+/),
        node: process.versions.node,
        sharp: expect.stringMatching(/^\d/),
        libvips: expect.stringMatching(/^8\./),
      },
      cpu: { model: expect.any(String), features: expect.any(Array) },
      model: { name: 'mini', sha256, classes: 10, preset: expect.any(String) },
      settings: { batchSize: 2, precision: 'f32' },
      output: { file, partial: null, format: 'csv' },
      counts: { seen: 6, ok: 5, failed: 1, skipped: 0 },
      inputs: { total: 6, sha256: digest },
      exitCode: 3,
      error: null,
    });
    const { start, end, seconds, imagesPerSecond } = record;
    expect(Date.parse(end) - Date.parse(start)).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThan(0);
    expect(imagesPerSecond).toBeGreaterThan(0);
  });

  it('takes the format from the extension, and leaves nothing when no image is found', async () => {
    const target = temporaryFolder();
    const [json, none] = await Promise.all([
      run('-o', join(target, 'labels.jsonl')),
      runClassify(['nothing/', '-o', join(target, 'none.csv')], { cwd: folder }),
    ]);
    expect([json.code, none.code]).toEqual([3, 4]);
    expect(jsonRows(readFileSync(join(target, 'labels.jsonl')))).toHaveLength(NAMES.length);
    expect(existsSync(join(target, 'none.csv'))).toBe(false);
    expect(readdirSync(target).sort()).toEqual(['labels.jsonl', 'labels.jsonl.journal', 'labels.jsonl.run.json']);
  });
});

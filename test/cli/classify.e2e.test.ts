import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const BIN = path('bin/run.js');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-e2e-'));
  mkdirSync(join(folder, 'photos'));
  for (const name of ['cat', 'dog', 'ship']) {
    copyFileSync(path(`fixtures/images/${name}.jpg`), join(folder, 'photos', `${name}.jpg`));
  }
  mkdirSync(join(folder, 'many'));
  for (let i = 0; i < 3000; i += 1) linkSync(join(folder, 'photos', 'cat.jpg'), join(folder, 'many', `${i}.jpg`));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly env?: Record<string, string>;
  readonly input?: string | Buffer;
  readonly onStdout?: (child: ChildProcess, text: string) => void;
  readonly onStderr?: (child: ChildProcess, text: string) => void;
}

/** Runs the real program in the test's folder, without the caller's configuration. */
function vgg16(args: readonly string[], { env = {}, input, onStdout, onStderr }: Options = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, VGG16_MODEL: 'mini', ...env },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
      onStdout?.(child, output.stdout);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
      onStderr?.(child, output.stderr);
    });
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
    child.stdin.on('error', () => {}); // a program that ends early
    child.stdin.end(input);
  });
}

const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('vgg16 classify', () => {
  it('labels a folder to stdout as CSV, talk on stderr', async () => {
    const { code, stdout, stderr } = await vgg16(['classify', 'photos', '-k', '1']);
    expect(code).toBe(0);
    const [header, ...rows] = stdout.trimEnd().split('\n');
    expect(header).toBe('path,status,width,height,class_1,label_1,prob_1,error');
    expect(rows.map((row) => row.split(',').slice(0, 6))).toEqual([
      ['photos/cat.jpg', 'ok', '400', '266', '3', 'cat'],
      ['photos/dog.jpg', 'ok', '400', '300', '5', 'dog'],
      ['photos/ship.jpg', 'ok', '288', '216', '8', 'ship'],
    ]);
    expect(stderr).toMatch(/3 images in .*img\/s\)\n$/);
  });

  it('writes a file and its record; a second run does not overwrite it; --json prints the record', async () => {
    expect(await vgg16(['classify', 'photos', '-o', 'a.jsonl'])).toMatchObject({ code: 0, stdout: '' });
    expect(rowsOf(readFileSync(join(folder, 'a.jsonl'), 'utf8')).map(({ index }) => index)).toEqual([0, 1, 2]);
    const again = await vgg16(['classify', 'photos', '-o', 'a.jsonl']);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('hint: Type --force') });
    const forced = await vgg16(['classify', 'photos', '-o', 'a.jsonl', '-f', '--json', '-q']);
    expect(forced).toMatchObject({ code: 0, stderr: '' });
    const record = JSON.parse(forced.stdout);
    expect(record).toEqual(JSON.parse(readFileSync(join(folder, 'a.jsonl.run.json'), 'utf8')));
    expect(record).toMatchObject({ counts: { seen: 3, ok: 3, failed: 0 }, model: { name: 'mini', classes: 10 } });
    expect(record.model.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives an image that cannot be read a row, and 3; the same under --json', async () => {
    writeFileSync(join(folder, 'broken.jpg'), 'no image');
    for (const more of [[], ['--json', '-o', 'broken.csv', '-f']]) {
      const { code, stderr } = await vgg16(['classify', 'photos/cat.jpg', 'broken.jpg', 'gone.jpg', ...more]);
      expect(code).toBe(3);
      expect(stderr).toContain('2 failed');
    }
    expect(readFileSync(join(folder, 'broken.csv'), 'utf8')).toMatch(/\ngone\.jpg,error,.*NOT_FOUND/);
    const allowed = await vgg16(['classify', 'photos/cat.jpg', 'broken.jpg', '--max-errors', '50%']);
    expect(allowed.code).toBe(0);
  });

  it('reads a list from stdin in its order, repeats kept, names that are no UTF-8 included', async () => {
    const odd = Buffer.concat([Buffer.from(`${folder}/photos/`), Buffer.from([0xff, 0x0a]), Buffer.from('x.jpg')]);
    copyFileSync(join(folder, 'photos', 'dog.jpg'), odd);
    const input = Buffer.concat([Buffer.from('photos/ship.jpg\0'), odd, Buffer.from('\0photos/ship.jpg\0')]);
    const { code, stdout } = await vgg16(['classify', '--files-from', '-', '-0', '--format', 'jsonl', '-k', '1'], {
      input,
    });
    rmSync(odd);
    expect(code).toBe(0);
    expect(rowsOf(stdout).map(({ path, top }) => [path, top[0].label])).toEqual([
      ['photos/ship.jpg', 'ship'],
      ['photos/\\xff\nx.jpg', 'dog'],
      ['photos/ship.jpg', 'ship'],
    ]);
  });

  it('shares add up to the whole, with the same bytes', async () => {
    const list = ['classify', 'photos', '--format', 'jsonl', '-q'];
    const whole = rowsOf((await vgg16(list)).stdout);
    const first = await vgg16([...list, '--shard', 'auto'], { env: { SLURM_PROCID: '0', SLURM_NTASKS: '2' } });
    const second = await vgg16([...list, '--shard', '2/2']);
    const parts = [...rowsOf(first.stdout), ...rowsOf(second.stdout)];
    expect(parts.sort((a, b) => a.index - b.index)).toEqual(whole);
  });

  it('stops when nobody reads any more: 0, silently', async () => {
    const { code, stderr } = await vgg16(['classify', 'many', '-b', '8', '--no-progress'], {
      onStdout: (child) => child.stdout?.destroy(),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('on %s keeps the rows that are done, whole, and ends with %d', async (signal, expected) => {
    let sent = false;
    const { code } = await vgg16(['classify', 'many', '-b', '8', '-v', '-o', `${signal}.jsonl`], {
      onStderr: (child, text) => {
        if (sent || !text.includes('is ready')) return;
        sent = true;
        setTimeout(() => child.kill(signal), 500);
      },
    });
    expect(code).toBe(expected);
    expect(existsSync(join(folder, `${signal}.jsonl`))).toBe(false);
    const record = JSON.parse(readFileSync(join(folder, `${signal}.jsonl.run.json`), 'utf8'));
    const rows = rowsOf(readFileSync(record.output.partial, 'utf8'));
    expect(rows.length).toBe(record.counts.seen);
    expect(rows.map(({ index }) => index)).toEqual(rows.map((_, i) => i));
    expect(rows.length).toBeLessThan(3000);
  });

  it.skipIf(process.platform !== 'linux')('says that the disk is full: 1', async () => {
    const ended = await vgg16(['classify', 'photos', '-o', '/dev/full']);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('no space is left on the device') });
  });

  it('lists what it would read, and computes nothing', async () => {
    const { code, stdout, stderr } = await vgg16(['classify', 'photos', '-n'], {
      env: { VGG16_MODEL: 'no-such-model' },
    });
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'photos/cat.jpg\nphotos/dog.jpg\nphotos/ship.jpg\n',
      stderr: '3 images would be read.\n',
    });
  });
});

describe('errors of the command line', () => {
  it.each([
    [['classify'], 2, 'Expected files, folders or globs, or --files-from, but received none.'],
    [['classify', 'gone'], 4, 'Expected images in "gone" but there is no such file or folder.'],
    [['classify', 'photos', '-m', 'gone'], 5, 'there is no gone'],
    [
      ['classify', 'photos', '--top-k', '0'],
      2,
      'Expected a whole number from 1 to 262144 for --top-k but received "0".',
    ],
    [['classify', 'photos', '--threshold', '2'], 2, 'Expected a number from 0 to 1 for --threshold but received "2".'],
    [
      ['classify', 'photos', '--precision', 'f8'],
      2,
      'Expected one of f32, bf16, auto for --precision but received "f8".',
    ],
    [['classify', 'photos', '--batch-size', '0'], 2, 'or "auto" for --batch-size but received "0".'],
    [['classify', 'photos', '--workers', 'x'], 2, 'or "auto" for --workers but received "x".'],
    [['classify', 'photos', '--threads', '-1'], 2, '--threads but received "-1".'],
    [['classify', 'photos', '--shard', '3/2'], 2, 'for --shard but received "3/2".'],
    [['classify', 'photos', '--json'], 2, 'Expected --output FILE with --json'],
    [['classify', 'photos', '--long', '--format', 'jsonl'], 2, 'Expected --format csv or table with --long'],
    [['classify', 'photos', '--absolute', '--relative-to', '/'], 2, 'but received both'],
    [['classify', 'photos', '--topk', '3'], 2, 'Expected a known flag but received --topk.'],
    [['classify', 'photos', '--seed', '3'], 2, 'Expected --model random with --seed but received --model mini.'],
    [
      ['classify', 'photos', '--labels', 'gone.txt'],
      2,
      'Expected to read labels from gone.txt for --labels but it does not exist.',
    ],
    [
      ['classify', '--files-from', 'gone.txt'],
      2,
      'Expected to read paths from gone.txt for --files-from but it does not exist.',
    ],
    [['classify', 'photos', '-o', 'gone/a.csv'], 2, 'Expected a folder for --output but'],
    [['classify', 'photos', '-o', 'photos'], 2, 'is a folder.'],
  ] as const)('%j → %d', async (args, code, message) => {
    const ended = await vgg16(args);
    expect(ended.stderr).toContain(message);
    expect(ended.stderr).not.toContain('    at ');
    expect(ended).toMatchObject({
      code,
      stdout: args.includes('--json' as never) ? expect.stringContaining('{"error"') : '',
    });
  });

  it('names the variable and the configuration that a wrong value comes from', async () => {
    const variable = await vgg16(['classify', 'photos'], { env: { VGG16_TOP_K: 'many' } });
    expect(variable).toMatchObject({ code: 2, stderr: expect.stringContaining('for VGG16_TOP_K but received "many"') });
    writeFileSync(join(folder, 'vgg16.config.json'), '{"top-k": "few"}');
    const file = await vgg16(['classify', 'photos']);
    writeFileSync(join(folder, 'vgg16.config.json'), '{"topk": 3}');
    const key = await vgg16(['classify', 'photos']);
    writeFileSync(join(folder, 'vgg16.config.json'), '{"dry-run": true}');
    const used = await vgg16(['classify', 'photos']);
    rmSync(join(folder, 'vgg16.config.json'));
    expect(file).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/for "top-k" in .*vgg16\.config\.json but received "few"/),
    });
    expect(key).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/vgg16\.config\.json but received the key "topk"/),
    });
    expect(used).toMatchObject({ code: 0, stderr: '3 images would be read.\n' });
  });

  it('leaves nothing behind', () => {
    expect(readdirSync(folder).filter((name) => name.includes('gone'))).toEqual([]);
  });
});

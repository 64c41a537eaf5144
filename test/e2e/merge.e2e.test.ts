/** Parts that are merged: into the single run's bytes, or with the reason why not. */

import { cpSync, existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { MINI } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { done, folderOf, photo, products, run } from './helpers/outputs.js';
import { type Result, start } from './helpers/program.js';
import { expectOneSentence } from './helpers/rows.js';

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
    const again = await runCommand(['merge', ...parts(format), '-o', `merged.${format}`, '--resume'], { cwd: folder });
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

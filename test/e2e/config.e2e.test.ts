/** Values from flags, variables and configuration files, and --dry-run, which shows what they lead to. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PHOTOS, place, temporaryFolder } from './helpers/folder.js';
import { runCommand } from './helpers/host.js';
import { expectOneSentence } from './helpers/rows.js';

const folder = temporaryFolder();
const CONFIG = join(folder, 'vgg16.config.json');

beforeAll(() => {
  for (const name of ['a', 'b', 'c']) place(join(folder, 'photos', `${name}.jpg`));
});
afterEach(() => rmSync(CONFIG, { force: true }));

const run = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  runCommand(['classify', 'photos', ...args], { cwd: folder, env });

describe('--dry-run', () => {
  it('lists what would be read, opens no model and computes nothing', async () => {
    const { code, stdout, stderr } = await run(['-n', '-m', 'no-such-model']);
    expect(stdout.toString()).toBe('photos/a.jpg\nphotos/b.jpg\nphotos/c.jpg\n');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '3 images would be read.\n' });
  });

  it('says what is passed over, but not with --quiet', async () => {
    place(join(folder, 'mixed/a.jpg'));
    place(join(folder, 'mixed/b.heic'));
    const dry = (option: string) => runCommand(['classify', 'mixed', option], { cwd: folder });
    const [said, quiet] = await Promise.all([dry('-n'), dry('-nq')]);
    expect(said.stderr).toBe('note: 1 file with another extension (1 .heic) passed over.\n1 image would be read.\n');
    expect(quiet.stderr).toBe('');
  });
});

describe('a value', () => {
  const images = async (args: readonly string[], env: Readonly<Record<string, string>>) =>
    (await run(['-n', ...args], env)).stderr.split('\n').at(-2);

  it('is taken from the flag, else the variable, else the configuration', async () => {
    writeFileSync(CONFIG, '{"limit": 1}');
    expect(await images([], {})).toBe('1 image would be read.');
    expect(await images([], { VGG16_LIMIT: '2' })).toBe('2 images would be read.');
    expect(await images(['--limit', '3'], { VGG16_LIMIT: '2' })).toBe('3 images would be read.');
  });

  it('of a flag that takes several words leaves the arguments alone', async () => {
    const args = ['model', 'quantize', 'mini', '-o', join(folder, 'i8.safetensors'), '--json'];
    const { code, stdout, stderr } = await runCommand(args, { cwd: folder, env: { VGG16_CALIBRATE: PHOTOS } });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout.toString())).toMatchObject({ model: 'mini', failed: 0 });
  });

  it('that is wrong is told with the variable or the file it comes from', async () => {
    const variable = await run([], { VGG16_TOP_K: 'many' });
    expect(variable).toMatchObject({ code: 2, stderr: expect.stringContaining('for VGG16_TOP_K but received "many"') });
    writeFileSync(CONFIG, '{"top-k": "few"}');
    const file = await run();
    expect(file.stderr).toMatch(/for "top-k" in .*vgg16\.config\.json but received "few"/);
    expect(file.code).toBe(2);
    writeFileSync(CONFIG, '{"topk": 3}');
    const key = await run();
    expect(key.stderr).toMatch(/vgg16\.config\.json but received the key "topk"/);
    expect(key.code).toBe(2);
  });
});

describe('the configuration in the folder, which came with the photos,', () => {
  const classified = (args: readonly string[] = []) => run(['-m', 'mini', ...args]);

  it('is told on stderr when it is read, unless the user wants silence', async () => {
    writeFileSync(CONFIG, '{"top-k": 1, "limit": 1}');
    const told = await classified();
    expect(told).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`note: ${CONFIG} was read for limit, top-k.\n`),
    });
    expect((await classified(['-q'])).stderr).toBe('');
    expect((await runCommand(['classify', '--help'], { cwd: folder })).stderr).toBe('');
  });

  it('may not say where anything is written: the key and the file are named, and nothing is touched', async () => {
    const victim = join(folder, 'victim.txt');
    writeFileSync(victim, 'precious');
    writeFileSync(CONFIG, JSON.stringify({ output: victim, force: true }));
    const result = await classified();
    expect(expectOneSentence(result, 2)).toContain(
      `in ${CONFIG}, which came with the folder, but received the key "output"`,
    );
    expect(result.stderr).toContain('Type --config vgg16.config.json if you trust the file');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('may do all of that once --config names it', async () => {
    writeFileSync(CONFIG, '{"output": "labels.csv", "force": true, "model": "mini"}');
    const { code, stderr } = await run(['--config', CONFIG]);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('→ labels.csv') });
    expect(stderr).toContain(`${CONFIG} was read for`);
    expect(readFileSync(join(folder, 'labels.csv'), 'utf8')).toContain('photos/c.jpg,ok,');
  });

  it('may name known weights, but has none downloaded', async () => {
    writeFileSync(CONFIG, '{"model": "mini", "top-k": 1}');
    expect((await run()).code).toBe(0);
    writeFileSync(CONFIG, '{"model": "imagenet-keras"}');
    const result = await run([], { VGG16_CACHE_DIR: join(folder, 'cache') });
    expect(expectOneSentence(result, 5)).toContain('imagenet-keras would have to be downloaded');
    expect(result.stderr).toContain('vgg16 model pull imagenet-keras');
  });
});

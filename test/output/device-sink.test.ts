import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDevice } from '../../src/output/device-sink.js';

let folder: string;
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg16-output-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openDevice', () => {
  it('is for devices and pipes, not for what is a file or is to become one', async () => {
    writeFileSync(at('a.csv'), 'old\n');
    expect(await openDevice(at('a.csv'))).toBeUndefined();
    expect(await openDevice(at('new.csv'))).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(read('a.csv')).toBe('old\n');
  });

  it.skipIf(process.platform !== 'linux')('says before the first row that a device is full: exit 1', async () => {
    await expect(openDevice('/dev/full')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      exitCode: 1,
      message: 'Expected to write /dev/full but no space is left on the device.',
    });
  });

  it('writes into a device instead of replacing it', async () => {
    const sink = await openDevice('/dev/null');
    await sink?.write('row\n');
    await sink?.finish();
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('writes rows into a pipe as they come', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const reading = readFile(at('pipe'), 'utf8');
    const sink = await openDevice(at('pipe'));
    await sink?.write('one\n');
    await sink?.write('two\n');
    await sink?.finish();
    expect(await reading).toBe('one\ntwo\n');
  });
});

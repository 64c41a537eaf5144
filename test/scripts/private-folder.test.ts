/** What the installer trusts: its own folder for a user without a home, and no file that lies in the current one. */

import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = (name: string) =>
  JSON.stringify(fileURLToPath(new URL(`../../scripts/install/${name}`, import.meta.url)));
const own = `vgg16-${process.getuid?.() ?? 'user'}`;

let shared: string;
beforeEach(() => {
  shared = mkdtempSync(join(tmpdir(), 'vgg16-private-'));
});
afterEach(() => rmSync(shared, { recursive: true, force: true }));

function node(source: string, cwd: string, env: Record<string, string> = {}): string {
  const args = ['--input-type=module', '-e', source];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.trim();
}

describe('the folder of a user without a home', () => {
  const made = () =>
    node(`import { privateFolder } from ${script('private-folder.mjs')}; console.log(privateFolder())`, shared, {
      TMPDIR: shared,
    });

  it('is the same every time, and closed to others', () => {
    expect(made()).toBe(join(shared, own));
    expect(made()).toBe(join(shared, own));
    expect(lstatSync(join(shared, own)).mode & 0o777).toBe(0o700);
  });

  it.each<[string, (path: string) => void]>([
    ['a link to elsewhere', (path) => symlinkSync(tmpdir(), path)],
    ['a file', (path) => writeFileSync(path, '')],
    [
      'a folder that others may write into',
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o777);
      },
    ],
  ])('is another where somebody has put %s in its place', (_name, plant) => {
    plant(join(shared, own));
    const path = made();
    expect(path).toMatch(new RegExp(`^${join(shared, own)}-\\w{6}$`));
    expect(lstatSync(path).mode & 0o777).toBe(0o700);
  });
});

describe('commands of the installer', () => {
  it('load nothing from the current folder', () => {
    writeFileSync(join(shared, 'zipfile.py'), 'print("taken over")');
    const source = `import { run } from ${script('process.mjs')};
      const { output } = await run('python3', ['-c', 'import zipfile; print(zipfile.__name__)']);
      console.log(output);`;
    expect(node(source, shared)).toBe('zipfile');
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FOLDER_MAY_SET, folderTrust } from '../../../src/cli/command/folder-trust.js';

const manifest = JSON.parse(readFileSync(new URL('../../../.oclif.manifest.json', import.meta.url), 'utf8')) as {
  readonly commands: Readonly<Record<string, { readonly flags: Readonly<Record<string, object>> }>>;
};
const FLAGS = [...new Set(Object.values(manifest.commands).flatMap(({ flags }) => Object.keys(flags)))].sort();

describe('what a configuration in the folder may set', () => {
  it('is decided for every flag of every command, and for nothing else', () => {
    expect(Object.keys(FOLDER_MAY_SET).sort()).toEqual(FLAGS);
  });

  it('is nothing for a flag that nobody has decided on', () => {
    expect(folderTrust('a-new-flag')).toBe('no');
    expect(folderTrust('constructor')).toBe('no');
  });

  it.each([
    'output',
    'force',
    'resume',
    'retry-failed',
    'cache-dir',
    'weights-url',
    'offline',
    'files-from',
    'relative-to',
    'absolute',
    'follow-symlinks',
    'config',
    'quiet',
    'max-errors',
  ])('is not --%s', (flag) => {
    expect(folderTrust(flag)).toBe('no');
  });

  it.each(['model', 'labels', 'preset'])('is --%s only within the folder', (flag) => {
    expect(folderTrust(flag)).toBe('inside');
  });

  it('is what docs/config.md lists', () => {
    const docs = readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8');
    const rows = docs.split('\n').filter((line) => /^\| [a-z]/.test(line));
    const listed = rows.flatMap((row) => [...row.matchAll(/`([a-z0-9-]+)`/g)].map(([, flag]) => flag));
    const allowed = Object.keys(FOLDER_MAY_SET).filter((flag) => FOLDER_MAY_SET[flag] !== 'no');
    expect(listed.sort()).toEqual(allowed.sort());
  });
});

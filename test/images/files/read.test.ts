import { afterEach, expect, test, vi } from 'vitest';

/** What `open` fails with, first to last; then it works. */
const failures: string[] = [];

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    open: async (...args: Parameters<typeof real.open>) => {
      const code = failures.shift();
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      return real.open(...args);
    },
  };
});

const { readImageFile } = await import('../../../src/images/files/read.js');
const FILE = new URL(import.meta.url).pathname;

afterEach(() => {
  failures.length = 0;
});

test('waits for a file descriptor when all are in use', async () => {
  failures.push('EMFILE', 'ENFILE', 'EMFILE');
  expect((await readImageFile(FILE)).toString()).toContain('waits for a file descriptor');
  expect(failures).toEqual([]);
});

test('says what is wrong with a disk without trying again', async () => {
  failures.push('EIO', 'EIO');
  await expect(readImageFile(FILE)).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: 'Expected a file that can be read but received EIO.',
  });
  expect(failures).toEqual(['EIO']);
});

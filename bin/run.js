#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node
// glibc spreads allocations over eight arenas a processor, which grow apart: two keep the memory of a long run flat.
import { userInfo } from 'node:os';

// Images are decoded on libuv's threads, whose number is fixed when the first of them starts: at least one for each
// of --workers, which is not parsed yet. Idle threads cost nothing; the workers' own limit bounds what runs.
process.env.UV_THREADPOOL_SIZE ??= '64';

// A container's user need have no name, and oclif asks for its shell and its home.
try {
  userInfo();
} catch {
  process.env.SHELL ??= '/bin/sh';
  process.env.HOME ??= (await import('../scripts/install/private-folder.mjs')).privateFolder();
}

const { Errors, flush, run } = await import('@oclif/core');
try {
  await run(undefined, import.meta.url);
  flush();
} catch (error) {
  // oclif's own errors repeat what was typed, and `vgg16 *` types the names of files.
  const { printable, printableLines } = await import('../dist/output/printable.js');
  if (error instanceof Error) {
    error.stack = printableLines(error.stack ?? '');
    error.message = printable(error.message);
  }
  await Errors.handle(error);
}

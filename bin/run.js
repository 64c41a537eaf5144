#!/usr/bin/env node
// Images are decoded on libuv's threads, whose number is fixed when the first of them starts: at least one for each
// of --workers, which is not parsed yet. Idle threads cost nothing; the workers' own limit bounds what runs.
process.env.UV_THREADPOOL_SIZE ??= '64';

const { execute } = await import('@oclif/core');
await execute({ dir: import.meta.url });

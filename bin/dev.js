#!/usr/bin/env -S node --import tsx
// The same program from the TypeScript sources: no build needed.
process.env.UV_THREADPOOL_SIZE ??= '64';

const { execute } = await import('@oclif/core');
await execute({ development: true, dir: import.meta.url });

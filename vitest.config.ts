import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const SOAKS = 'test/**/*.soak.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    // Vitest leaves one processor free, which on two means one file after another; most tests wait for a program of one thread.
    maxWorkers: availableParallelism(),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: [SOAKS] } },
      // What takes minutes: hundreds of kills, faults at many places, long runs, thousands of damaged files.
      { extends: true, test: { name: 'soak', include: [SOAKS], env: { VGG16_TEST_SOAK: '1' } } },
    ],
  },
});

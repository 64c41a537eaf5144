import { expect, test } from 'vitest';
import { exitCodeOf } from '../../../src/services/pipeline/run.js';

const counts = (failed: number) => ({ seen: 200, ok: 200 - failed, failed, skipped: 0 });

test.each([
  [0, { count: 0 }, 0],
  [1, { count: 0 }, 3],
  [5, { count: 5 }, 0],
  [6, { count: 5 }, 3],
  [2, { percent: 1 }, 0],
  [3, { percent: 1 }, 3],
])('%i failures of 200 with %o allowed end with %i', (failed, allowed, code) => {
  expect(exitCodeOf(counts(failed), allowed)).toBe(code);
});

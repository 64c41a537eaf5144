/** With the real addon; that a refusal is understood is shown by test/e2e/out-of-memory.e2e.test.ts. */

import { expect, test } from 'vitest';
import { MemoryPool, type OperationAddon } from '../../src/engine/memory-pool.js';
import { configureTensorFlow, loadAddon } from '../../src/engine/tensorflow.js';

const GIB = 2 ** 30;

configureTensorFlow({ threads: 1 });
const addon = loadAddon() as OperationAddon;

/** The real addon, whose operations are counted and, while `refuse` is set, fail. */
function observed(need = { perImage: 1024, weights: 0 }, left?: number) {
  const seen = { operations: 0, refuse: false };
  const executeOp: OperationAddon['executeOp'] = (...args) => {
    seen.operations += 1;
    if (seen.refuse) throw new Error('OOM when allocating');
    return addon.executeOp(...args);
  };
  const watched = Object.create(addon, { executeOp: { value: executeOp } }) as OperationAddon;
  return { seen, pool: new MemoryPool(watched, need, () => left) };
}

test('what is there already is not asked for again', () => {
  const { seen, pool } = observed();
  for (const images of [4, 16, 16, 4]) pool.reserve(images);
  expect(seen.operations).toBe(2);
});

test('what was refused is not taken for there', () => {
  const { seen, pool } = observed();
  seen.refuse = true;
  expect(() => pool.reserve(16)).toThrow('OOM when allocating');
  seen.refuse = false;
  pool.reserve(8);
  expect(seen.operations).toBe(2);
});

test.each([
  ['that holds what the pool grows by and the rest of the program', 2.6, 0, true],
  ['without room for the rest of the program', 2.4, 0, false],
  ['without room for a step as large as the weights', 2.6, 3 * GIB, false],
])('an address space %s', (_name, gib, weights, enough) => {
  // 2 GiB for 1.25 x 1 GiB: the pool grows by powers of two.
  const { seen, pool } = observed({ perImage: 2 ** 20, weights }, gib * GIB);
  if (enough) pool.reserve(1024);
  else expect(() => pool.reserve(1024)).toThrow(/OOM when allocating/);
  expect(seen.operations).toBe(enough ? 1 : 0);
});

test('a single image is tried in any address space: there is nothing smaller', () => {
  const { seen, pool } = observed({ perImage: 1024, weights: 0 }, 0);
  pool.reserve(1);
  expect(seen.operations).toBe(1);
});

import { describe, expect, it } from 'vitest';
import { isArraySpec } from '../../../src/output/arrays/spec.js';

const FC7 = { name: 'fc7', shape: [4096], dtype: 'f32' };

describe('isArraySpec', () => {
  it.each(['fc7', 'conv1_1', 'pool5', 'logits'])('takes %s', (name) => {
    expect(isArraySpec({ ...FC7, name })).toBe(true);
  });

  it.each(['../fc7', 'a/b', '..', '.', '', 'fc7.npy', 'a\0', '\u202E', 'x'.repeat(65), 7])(
    'refuses the name %j, after which a file would be named',
    (name) => {
      expect(isArraySpec({ ...FC7, name })).toBe(false);
    },
  );

  it.each([
    null,
    1,
    [],
    {},
    { ...FC7, shape: [0] },
    { ...FC7, shape: 4096 },
    { ...FC7, shape: [1e9, 1e9] },
    { ...FC7, dtype: 'f64' },
  ])('refuses %j', (value) => {
    expect(isArraySpec(value)).toBe(false);
  });
});

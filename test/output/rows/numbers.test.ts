import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shortestFloat32 } from '../../../src/output/rows/numbers.js';

/** [bits, NumPy's shortest decimal], made by fixtures/expected/make_float32.py. */
const EXPECTED: [number, string][] = JSON.parse(
  readFileSync(new URL('../../../fixtures/expected/float32.json', import.meta.url), 'utf8'),
);

function fromBits(bits: number): number {
  return new Float32Array(new Uint32Array([bits]).buffer)[0] ?? Number.NaN;
}

describe('shortestFloat32', () => {
  it("gives NumPy's digits for probabilities, logits, powers of two, subnormals and random bits", () => {
    expect(EXPECTED.length).toBeGreaterThan(1000);
    for (const [bits, decimal] of EXPECTED) {
      const value = fromBits(bits);
      expect(shortestFloat32(value), `${bits}`).toBe(Number(decimal));
      expect(Math.fround(shortestFloat32(value))).toBe(value);
    }
  });

  it('is 0.1 for the float32 nearest to 0.1, where JavaScript would print its float64 digits', () => {
    expect(String(Math.fround(0.1))).toBe('0.10000000149011612');
    expect(String(shortestFloat32(Math.fround(0.1)))).toBe('0.1');
  });

  it('keeps zero, whole numbers, infinities and NaN', () => {
    for (const value of [0, -0, 1, -5, 4096, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(shortestFloat32(value)).toBe(value);
    }
  });
});

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { float16ToFloat32, float32ToFloat16 } from '../src/floats.js';
import { bytesOf, fixture } from './output/arrays/files.js';

/** NumPy's conversions, made by fixtures/expected/make_arrays.py. */
const EXPECTED: { toHalf: [number, number][]; widenedSha256: string } = JSON.parse(
  readFileSync(fixture('expected.json'), 'utf8'),
);

const ALL = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);

it('widens every half to the float32 that NumPy gives', () => {
  const numbers = float16ToFloat32(ALL).filter((value) => !Number.isNaN(value));
  expect(numbers).toHaveLength(63_490);
  expect(createHash('sha256').update(bytesOf(numbers)).digest('hex')).toBe(EXPECTED.widenedSha256);
});

it('brings every half back, and keeps NaN a NaN', () => {
  expect(float32ToFloat16(float16ToFloat32(ALL))).toEqual(ALL);
  const signalling = new Float32Array(new Uint32Array([0x7f800001, 0xffffffff]).buffer);
  expect([...float16ToFloat32(float32ToFloat16(signalling))]).toEqual([Number.NaN, Number.NaN]);
});

it('rounds ties, subnormals and overflow as NumPy does', () => {
  expect(EXPECTED.toHalf.length).toBeGreaterThan(1000);
  const floats = new Float32Array(Uint32Array.from(EXPECTED.toHalf, ([bits]) => bits).buffer);
  expect([...float32ToFloat16(floats)]).toEqual(EXPECTED.toHalf.map(([, half]) => half));
});

it('converts views that start within another array', () => {
  expect([...float32ToFloat16(Float32Array.of(9, 1, -2).subarray(1))]).toEqual([0x3c00, 0xc000]);
  expect([...float16ToFloat32(Uint16Array.of(9, 0x3c00).subarray(1))]).toEqual([1]);
});

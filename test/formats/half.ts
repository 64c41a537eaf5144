/** Float16 in plain arithmetic: IEEE 754 binary16, 5 bits of exponent, 10 of fraction. */

const LARGEST = 65504;
const SMALLEST_NORMAL_EXPONENT = -14;
const SIGN = 0x8000;
const INFINITY = 0x7c00;

/** The bits of the float16 nearest to `value`, ties to even. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? SIGN : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return INFINITY | 0x200;
  if (magnitude === Number.POSITIVE_INFINITY) return sign | INFINITY;
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), SMALLEST_NORMAL_EXPONENT);
  const step = 2 ** (exponent - 10);
  const steps = roundHalfEven(magnitude / step); // exact: powers of two
  if (steps * step > LARGEST) return sign | INFINITY;
  // A fraction that has rounded up to 2,048 carries into the exponent by itself, and subnormals have none.
  return sign | (steps + ((exponent - SMALLEST_NORMAL_EXPONENT) << 10));
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** How many float16 numbers lie between two: 0 for the same, NaN never. */
export function ulps(a: number, b: number): number {
  const place = (bits: number) => ((bits & SIGN) === 0 ? bits : -(bits & ~SIGN));
  return Math.abs(place(a) - place(b));
}

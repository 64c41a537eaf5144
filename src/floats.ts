/**
 * Floats of 16 bits in their bits, for which JavaScript has no type before Float16Array of Node 24: half floats (IEEE 754
 * binary16: sign, 5 bits of exponent, 10 of fraction) and bfloat16 (the upper half of a float32).
 */

/** Halves with the exponent of infinity. */
const INFINITY_BITS = 0x7c00;

/** float32 bits of 65,520: half-way between the largest half, 65,504, and the next that would be one. */
const OVERFLOW_BITS = 0x477ff000;

/** float32 bits of 2^-14, the least half with all its digits. */
const LEAST_NORMAL_BITS = 0x38800000;

/** float32 bits of 2^-25: half of the least half, which as a tie goes to the even one, zero. */
const UNDERFLOW_BITS = 0x33000000;

/** float32 bits of infinity. */
const INFINITY_32 = 0x7f800000;

/** What the exponents' biases differ by, (127 − 15) in the place of a float32's exponent. */
const BIAS_BITS = 112 << 23;

/** float32 → half, to nearest, ties to even, as IEEE 754 and NumPy round. NaN stays NaN, with what fits of its payload. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  for (let index = 0; index < bits.length; index += 1) halves[index] = halfBits(bits[index] as number);
  return halves;
}

function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > INFINITY_32) return sign | INFINITY_BITS | ((magnitude >>> 13) & 0x3ff || 1);
  if (magnitude >= OVERFLOW_BITS) return sign | INFINITY_BITS;
  if (magnitude >= LEAST_NORMAL_BITS) return sign | rounded(magnitude - BIAS_BITS, 13);
  if (magnitude <= UNDERFLOW_BITS) return sign;
  // Subnormal: the digits move right until the exponent is that of 2^-14.
  return sign | rounded((magnitude & 0x7fffff) | 0x800000, 126 - (magnitude >>> 23));
}

/** `bits` without the last `dropped`, to nearest, ties to even. A carry into the exponent is the right result. */
function rounded(bits: number, dropped: number): number {
  const kept = bits >>> dropped;
  const rest = bits & ((1 << dropped) - 1);
  const tie = 1 << (dropped - 1);
  return rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept;
}

/** float32 bits of every half: looking up is several times faster than computing. Made on first use. */
let widened: Uint32Array | undefined;

/** half → float32, exactly. */
export function float16ToFloat32(halves: Uint16Array): Float32Array {
  widened ??= Uint32Array.from({ length: 1 << 16 }, (_, bits) => widen(bits));
  const table = widened;
  const result = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index += 1) result[index] = table[halves[index] as number] as number;
  return new Float32Array(result.buffer);
}

function widen(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = half & INFINITY_BITS;
  const fraction = half & 0x3ff;
  if (exponent === INFINITY_BITS) return sign | INFINITY_32 | (fraction << 13);
  if (exponent !== 0) return sign | (((half & 0x7fff) << 13) + BIAS_BITS);
  if (fraction === 0) return sign;
  // Subnormal: its leading digit becomes the hidden one.
  const places = Math.clz32(fraction) - 21;
  return sign | ((113 - places) << 23) | (((fraction << places) & 0x3ff) << 13);
}

/** float32 → bfloat16, to nearest, ties to even, as TensorFlow and PyTorch round. NaN stays NaN. */
export function float32ToBFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint16Array(bits.length);
  for (let index = 0; index < bits.length; index += 1) {
    const each = bits[index] as number;
    const isNan = (each & 0x7fffffff) > INFINITY_32;
    upper[index] = isNan ? (each >>> 16) | 0x40 : rounded(each, 16);
  }
  return upper;
}

/** bfloat16 → float32, exactly. */
export function bfloat16ToFloat32(values: Uint16Array): Float32Array {
  const bits = new Uint32Array(values.length);
  for (let index = 0; index < values.length; index += 1) bits[index] = (values[index] as number) << 16;
  return new Float32Array(bits.buffer);
}

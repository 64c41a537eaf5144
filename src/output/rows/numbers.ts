/** float32 as text: the shortest decimal that gives the same float32 back, as NumPy and Ryu print it. */

/** Any decimal of up to 6 digits survives float32 (FLT_DIG), so a shorter one shows up as zeros at the end of these. */
const LEAST_DIGITS = 6;

/** Nine digits tell any two float32 apart (FLT_DECIMAL_DIG). */
const MOST_DIGITS = 9;

/** Below this float32 is subnormal: it holds fewer digits, so LEAST_DIGITS does not apply. */
const LEAST_NORMAL = 2 ** -126;

/** Between these all powers of ten that are needed are exact doubles. */
const LEAST_SCALED = 1e-13;
const MOST_SCALED = 1e15;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * The double whose own shortest decimal (`String`, JSON) is the shortest one for the float32 `value`: 0.1 for
 * Math.fround(0.1) = 0.10000000149011612. Infinities and NaN stay.
 */
export function shortestFloat32(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return value;
  const magnitude = Math.abs(value);
  if (magnitude >= LEAST_SCALED && magnitude < MOST_SCALED) return byScaling(value, magnitude);
  return byPrinting(value, magnitude >= LEAST_NORMAL ? LEAST_DIGITS : 1);
}

/** Rounds to 6 … 9 digits with an exact power of ten: several times faster than printing. */
function byScaling(value: number, magnitude: number): number {
  const places = LEAST_DIGITS - 1 - Math.floor(Math.log10(magnitude));
  for (let digits = LEAST_DIGITS; ; digits += 1) {
    const exponent = places + digits - LEAST_DIGITS;
    const power = POWERS[Math.abs(exponent)] ?? Number.NaN;
    // Both operands are exact, so the quotient (or product) is the double nearest to that decimal.
    const rounded = exponent < 0 ? halfToEven(value / power) * power : halfToEven(value * power) / power;
    if (digits === MOST_DIGITS || Math.fround(rounded) === value) return rounded;
  }
}

function halfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function byPrinting(value: number, leastDigits: number): number {
  for (let digits = leastDigits; digits < MOST_DIGITS; digits += 1) {
    const nearest = Number(value.toPrecision(digits));
    if (Math.fround(nearest) === value) return nearest;
    // A power of two has more room away from zero than towards it, where the nearest decimal may miss it.
    const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - digits + 1);
    const beyond = Number((nearest + Math.sign(value) * unit).toPrecision(digits));
    if (Math.fround(beyond) === value) return beyond;
  }
  return Number(value.toPrecision(MOST_DIGITS));
}

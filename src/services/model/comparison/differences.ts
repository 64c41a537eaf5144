import type { ComparedRow } from '../../../output/rows/compared.js';
/** What two networks' outputs for one image differ by. */

/** What two outputs for one image differ by. Throws where their lengths do. */
export function outputDifferences(
  a: Float32Array,
  b: Float32Array,
  hasClasses: boolean,
  topK: number,
): Pick<ComparedRow, 'maxDiff' | 'meanDiff' | 'largest' | 'classes'> {
  if (a.length !== b.length) throw new Error(`Expected ${a.length} values but received ${b.length}.`);
  let [maxDiff, sum, largest] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const diff = Math.abs((a[i] as number) - (b[i] as number));
    // NaN stays: it must not pass.
    maxDiff = Math.max(maxDiff, diff);
    sum += diff;
    largest = Math.max(largest, Math.abs(a[i] as number));
  }
  return { maxDiff, meanDiff: sum / a.length, largest, classes: hasClasses ? classesOf(a, b, topK) : null };
}

function classesOf(a: Float32Array, b: Float32Array, k: number): ComparedRow['classes'] {
  const [first, second] = [best(a, k), best(b, k)];
  const common = first.filter((each) => second.includes(each)).length;
  return { first: first[0] as number, second: second[0] as number, topK: common / first.length };
}

/** Indices of the k largest values, the largest first; of equal ones the lower index, as TensorFlow's TopKV2. */
function best(values: Float32Array, k: number): number[] {
  const order = Array.from(values.keys()).sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
  return order.slice(0, k);
}
